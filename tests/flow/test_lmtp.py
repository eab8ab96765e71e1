"""A server that takes emails: real processes, a socket in the file system, and a kill."""

from __future__ import annotations

import smtplib
from pathlib import Path

from tests.integration.test_lmtp import FLOW, TO, email
from tests.support.processes import Installation, Server, create_installation, serving


def installed(tmp_path: Path) -> Installation:
    installation = create_installation(tmp_path)
    installation.settings.update(
        SIGNOFF_LMTP_SOCKET=str(tmp_path / "lmtp.sock"),
        SIGNOFF_LMTP_DOMAIN="run.example.com",
        SIGNOFF_LMTP_AUTHSERV="mx.example.com",
    )
    installation.write("refund.yaml", FLOW)
    finished = installation.run("register", "refund.yaml")
    assert finished.code == 0, finished.output
    return installation


def deliver(tmp_path: Path, content: bytes) -> tuple[int, str]:
    with smtplib.LMTP(str(tmp_path / "lmtp.sock"), timeout=20) as connection:
        connection.ehlo_or_helo_if_needed()
        connection.mail("ann@example.com")
        connection.rcpt(TO)
        code, text = connection.data(content)
        return code, text.decode()


def test_an_answer_is_given_once_the_run_is_saved(tmp_path: Path) -> None:
    installation = installed(tmp_path)
    server = Server(installation)
    server.wait_until_ready()
    code, text = deliver(tmp_path, email())
    server.kill()
    assert code == 250
    with serving(installation) as again:
        # The mail server repeats what it got no answer to.
        assert deliver(tmp_path, email())[1] == text.replace("Started run", "Started before: run")
        (run,) = installation.run("runs", "--json").json
        assert run["id"] in text
        assert run["requester"]["addresses"] or run["requester"]
        assert again.stop() == 0
    assert not (tmp_path / "lmtp.sock").exists()


def test_without_the_settings_a_workflow_with_an_email_is_refused(tmp_path: Path) -> None:
    installation = create_installation(tmp_path)
    installation.write("refund.yaml", FLOW)
    finished = installation.run("register", "refund.yaml")
    assert finished.code != 0
    assert "SIGNOFF_LMTP_PORT" in finished.output
    installation.settings.update(SIGNOFF_LMTP_PORT="8024")
    finished = installation.run("register", "refund.yaml")
    assert "SIGNOFF_LMTP_DOMAIN" in finished.output
