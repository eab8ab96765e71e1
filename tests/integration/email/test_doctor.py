"""What `signoff doctor` finds of the mail server, and that it sends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot import settings
from bot.devtools.sandbox import MailConfig, RunningSandbox
from bot.doctor import email
from bot.doctor.checks import NetworkCheck
from bot.doctor.context import CheckContext, ClockReading
from bot.doctor.finding import Finding, FindingState
from tests.support.certificates import encrypted_mail_config
from tests.support.email_env import mail_server
from tests.support.fakes import FakeClock


async def finding(given: dict[str, str], check: NetworkCheck = email.server, *, serving: bool = False) -> Finding:
    named = {f"SIGNOFF_{name}": value for name, value in given.items()}
    read, clock = settings.read(named), FakeClock()
    context = CheckContext(
        settings=read.settings,
        complaints=read.complaints,
        unusable=read.unusable,
        environment=named,
        clock=clock,
        started=ClockReading.take(clock),
        serving=serving,
    )
    (found,) = [one async for one in check(context)]
    assert "swordfish" not in f"{found.message} {found.advice}"
    return found


def of(running: RunningSandbox, config: MailConfig | None = None, **changed: str) -> dict[str, str]:
    given = {"SMTP_URL": running.mail.url, "EMAIL_FROM": "a@example.com", "PUBLIC_URL": "https://signoff.example.com"}
    return given | ({"SMTP_CA_FILE": str(config.ca)} if config is not None else {}) | changed


@pytest.fixture
def config(tmp_path: Path) -> MailConfig:
    return encrypted_mail_config(tmp_path, "starttls", user="signoff", password="swordfish")


async def test_a_server_that_works_is_well_and_gets_no_mail(config: MailConfig) -> None:
    async with mail_server(config) as running:
        found = await finding(of(running, config))
        assert running.mail.received() == []
    assert found.state is FindingState.OK
    assert "encrypted and lets us log in" in found.message


async def test_without_mail_there_is_nothing_to_check() -> None:
    assert "not set up" in (await finding({})).message


async def test_a_wrong_setting_is_not_tried() -> None:
    found = await finding({"SMTP_URL": "smtp://u:swordfish@mail.example.com"})
    assert (found.state, found.advice) == (FindingState.WARNING, "See `settings`.")


async def test_a_file_that_is_not_there_is_told(config: MailConfig) -> None:
    async with mail_server(config) as running:
        found = await finding(of(running, SMTP_CA_FILE="/nowhere.pem"))
    assert found.state is FindingState.PROBLEM
    assert "SIGNOFF_SMTP_CA_FILE" in found.message


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
async def test_what_is_wrong_comes_with_what_to_do(config: MailConfig, fault: dict[str, Any], todo: str) -> None:
    async with mail_server(config) as running:
        running.mail.fault(**fault)
        found = await finding(of(running, config))
    assert found.state is FindingState.PROBLEM
    assert todo in str(found.advice)


@asynccontextmanager
async def page(text: str, status: int = 200) -> AsyncIterator[str]:
    """Something that answers at a public address."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    made = web.Application()
    made.add_routes([web.get("/healthz", answer)])
    runner = web.AppRunner(made)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_links_that_lead_here_are_well() -> None:
    async with page("ok\n") as url:
        found = await finding({"PUBLIC_URL": url}, email.links, serving=True)
    assert (found.state, found.message) == (
        FindingState.OK,
        f"The links in emails lead to {url}, and this server answers there.",
    )


@pytest.mark.parametrize(("text", "status"), [("Welcome to nginx", 200), ("ok", 502), ("", 302)])
async def test_links_that_lead_to_something_else_are_a_problem(text: str, status: int) -> None:
    async with page(text, status) as url:
        found = await finding({"PUBLIC_URL": url}, email.links, serving=True)
    assert found.state is FindingState.PROBLEM
    assert f"something else answers ({status})" in found.message


async def test_links_that_cannot_be_followed_from_here_are_only_told() -> None:
    found = await finding({"PUBLIC_URL": "http://127.0.0.1:9"}, email.links, serving=True)
    assert found.state is FindingState.WARNING
    assert "cannot reach" in found.message


async def test_links_are_not_followed_while_no_server_runs() -> None:
    found = await finding({"PUBLIC_URL": "https://signoff.example.com"}, email.links)
    assert "no server runs" in found.message
