"""`signoff doctor` checks the mail server and the public URL, and sends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot import loaded_settings
from bot.devtools.sandbox import MailConfig, RunningSandbox
from bot.doctor import email
from bot.doctor.checks import NetworkCheck
from bot.doctor.context import CheckContext, ClockReading
from bot.doctor.finding import Finding, FindingState
from tests.support.certificates import encrypted_mail_config
from tests.support.email_env import mail_server
from tests.support.fakes import FakeClock


async def finding(values: dict[str, str], check: NetworkCheck = email.server, *, serving: bool = False) -> Finding:
    environment = {f"SIGNOFF_{name}": value for name, value in values.items()}
    read, clock = loaded_settings.read(environment), FakeClock()
    context = CheckContext(
        settings=read.settings,
        complaints=read.complaints,
        unusable=read.unusable,
        environment=environment,
        clock=clock,
        started=ClockReading.take(clock),
        serving=serving,
    )
    (result,) = [finding async for finding in check(context)]
    assert "swordfish" not in f"{result.message} {result.advice}"
    return result


def values_for(mail_sandbox: RunningSandbox, config: MailConfig | None = None, **changed: str) -> dict[str, str]:
    values = {
        "SMTP_URL": mail_sandbox.mail.url,
        "EMAIL_FROM": "a@example.com",
        "PUBLIC_URL": "https://signoff.example.com",
    }
    return values | ({"SMTP_CA_FILE": str(config.ca)} if config is not None else {}) | changed


@pytest.fixture
def config(tmp_path: Path) -> MailConfig:
    return encrypted_mail_config(tmp_path, "starttls", user="signoff", password="swordfish")


async def test_a_working_server_passes_and_gets_no_email(config: MailConfig) -> None:
    async with mail_server(config) as mail_sandbox:
        result = await finding(values_for(mail_sandbox, config))
        assert mail_sandbox.mail.received() == []
    assert result.state is FindingState.OK
    assert "encrypted and lets us log in" in result.message


async def test_without_settings_of_email_there_is_nothing_to_check() -> None:
    assert "not set up" in (await finding({})).message


async def test_a_wrong_setting_is_not_tried() -> None:
    result = await finding({"SMTP_URL": "smtp://u:swordfish@mail.example.com"})
    assert (result.state, result.advice) == (FindingState.WARNING, "Correct the settings above first.")


async def test_a_missing_file_is_a_problem(config: MailConfig) -> None:
    async with mail_server(config) as mail_sandbox:
        result = await finding(values_for(mail_sandbox, SMTP_CA_FILE="/nowhere.pem"))
    assert result.state is FindingState.PROBLEM
    assert "SIGNOFF_SMTP_CA_FILE" in result.message


@pytest.mark.parametrize(
    ("fault", "todo"),
    [
        ({"on": "connect", "kind": "reset"}, "open connections"),
        ({"on": "ehlo", "kind": "error", "code": 550}, "why it refuses"),
        ({"on": "starttls", "kind": "missing"}, "smtps://"),
        ({"on": "tls", "kind": "certificate"}, "SIGNOFF_SMTP_CA_FILE"),
        ({"on": "auth", "kind": "error", "code": 535}, "Correct user and password"),
    ],
)
async def test_each_problem_comes_with_its_fix(config: MailConfig, fault: dict[str, Any], todo: str) -> None:
    async with mail_server(config) as mail_sandbox:
        mail_sandbox.mail.fault(**fault)
        result = await finding(values_for(mail_sandbox, config))
    assert result.state is FindingState.PROBLEM
    assert todo in str(result.advice)


@asynccontextmanager
async def page(text: str, status: int = 200) -> AsyncIterator[str]:
    """Serve a page that answers at a public URL."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    app = web.Application()
    app.add_routes([web.get("/healthz", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_links_that_lead_to_this_server_pass() -> None:
    async with page("ok\n") as url:
        result = await finding({"PUBLIC_URL": url}, email.links, serving=True)
    assert (result.state, result.message) == (
        FindingState.OK,
        f"The links in emails lead to {url}, and this server answers there.",
    )


@pytest.mark.parametrize(("text", "status"), [("Welcome to nginx", 200), ("ok", 502), ("", 302)])
async def test_links_that_lead_to_another_server_are_a_problem(text: str, status: int) -> None:
    async with page(text, status) as url:
        result = await finding({"PUBLIC_URL": url}, email.links, serving=True)
    assert result.state is FindingState.PROBLEM
    assert f"something else answers ({status})" in result.message


async def test_links_that_cannot_be_followed_from_here_are_only_a_warning() -> None:
    result = await finding({"PUBLIC_URL": "http://127.0.0.1:9"}, email.links, serving=True)
    assert result.state is FindingState.WARNING
    assert "cannot reach" in result.message


async def test_links_are_not_followed_while_no_server_runs() -> None:
    result = await finding({"PUBLIC_URL": "https://signoff.example.com"}, email.links)
    assert "no server runs" in result.message
