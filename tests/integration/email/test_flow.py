"""A whole server with mail: from a workflow to the mailbox, and to the person who is asked what happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import app, settings
from bot.app import App, AppOptions
from bot.devtools.sandbox import RunningSandbox
from engine.domain import Address, Cancel, Origin, Register, Registered, RunStatus, Start, Started
from tests.support import stepwise_units
from tests.support.email_env import MIA, mail_server
from tests.support.engine_env import until

SAM = Address("email", "sam@example.com")
TERMINAL = Origin(surface="terminal")
SENDS = """\
name: tell
owner: sam@example.com
steps:
  - id: mail
    uses: email
    with: {to: mia@example.com, subject: Paid, body: "It is on its way."}
"""
ASKS = f"{SENDS}    gate: {{approvers: [mia@example.com], title: Tell Mia?}}\n"


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as one:
        yield one


@pytest.fixture
async def server(running: RunningSandbox, tmp_path: Path) -> AsyncIterator[App]:
    given = {
        "SIGNOFF_SMTP_URL": running.mail.url,
        "SIGNOFF_EMAIL_FROM": "Signoff <signoff@example.com>",
        "SIGNOFF_PUBLIC_URL": "https://signoff.example.com",
    }
    chosen = settings.load(given, database=stepwise_units.copy_empty_database(tmp_path / "signoff.db"))
    async with app.open_app(AppOptions(settings=chosen, environment=given)) as opened:
        yield opened


async def begun(server: App, source: str) -> str:
    assert isinstance(
        await server.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL)), Registered
    )
    started = await server.engine.start(Start(workflow="tell", inputs={}, actor=SAM, origin=TERMINAL))
    assert isinstance(started, Started)
    return started.run


async def status(server: App, run: str) -> RunStatus:
    async with asyncio.timeout(20):
        await app.wait_for_run(server, run)
    view = await server.engine.run(run)
    assert view is not None
    return view.status


async def test_an_email_step_sends_its_mail(running: RunningSandbox, server: App) -> None:
    run = await begun(server, SENDS)
    assert await status(server, run) is RunStatus.SUCCEEDED
    (got,) = running.mail.received(to=MIA)
    assert (got.subject, got.text) == ("Paid", "It is on its way.\n")


async def test_a_step_of_which_nobody_knows_asks_its_owner_and_is_not_repeated(
    running: RunningSandbox, server: App
) -> None:
    running.mail.fault("dot", "lost")
    run = await begun(server, SENDS)
    await until(lambda: bool(running.mail.received(to=SAM.value)))
    view = await server.engine.run(run)
    assert view is not None
    assert view.status is RunStatus.NEEDS_ATTENTION
    assert len(running.mail.received(to=MIA)) == 1
    assert "did the step happen?" in running.mail.received(to=SAM.value)[0].subject


async def test_who_is_asked_by_mail_hears_that_it_was_cancelled(running: RunningSandbox, server: App) -> None:
    run = await begun(server, ASKS)
    (asked,) = await running.mail.wait_for(to=MIA, seconds=20)
    assert asked.subject == "Tell Mia?"
    assert "https://signoff.example.com/r/" in str(asked.text)
    await status(server, run)
    await server.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL))
    _, closed = await running.mail.wait_for(to=MIA, count=2, seconds=20)
    assert closed.subject == "Re: Tell Mia?"
    assert closed.header("in-reply-to") == asked.header("message-id")
    assert "Cancelled at" in str(closed.text)
    assert [one.complaints for one in (asked, closed)] == [[], []]
