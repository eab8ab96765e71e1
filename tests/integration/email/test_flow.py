"""A whole server with email: the email of a step, the question about an unknown outcome, and the end of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import app, loaded_settings
from bot.app_parts import App, AppOptions
from bot.devtools.sandbox import RunningSandbox
from engine.domain import (
    Address,
    AnswerQuestion,
    AskQuestion,
    Assurance,
    Cancel,
    Decide,
    Decided,
    Digest,
    Origin,
    Preferences,
    QuestionAnswered,
    QuestionAsked,
    Register,
    Registered,
    RunStatus,
    SetPreferences,
    Start,
    Started,
    Verdict,
)
from tests.support import stepwise_units
from tests.support.email_env import MIA, mail_server
from tests.support.engine_env import until
from tests.support.fakes import FakeClock

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
async def mail_sandbox() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as mail:
        yield mail


@pytest.fixture
async def server(mail_sandbox: RunningSandbox, tmp_path: Path) -> AsyncIterator[App]:
    environment = {
        "SIGNOFF_SMTP_URL": mail_sandbox.mail.url,
        "SIGNOFF_EMAIL_FROM": "Signoff <signoff@example.com>",
        "SIGNOFF_PUBLIC_URL": "https://signoff.example.com",
    }
    chosen = loaded_settings.load(environment, database=stepwise_units.copy_empty_database(tmp_path / "signoff.db"))
    async with app.open_app(AppOptions(settings=chosen, environment=environment)) as opened:
        yield opened


async def start_run(server: App, source: str) -> str:
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


async def test_an_email_step_sends_its_email(mail_sandbox: RunningSandbox, server: App) -> None:
    run = await start_run(server, SENDS)
    assert await status(server, run) is RunStatus.SUCCEEDED
    (email,) = mail_sandbox.mail.received(to=MIA)
    assert (email.subject, email.text) == ("Paid", "It is on its way.\n")


async def test_a_step_of_unknown_outcome_asks_its_owner_and_is_not_repeated(
    mail_sandbox: RunningSandbox, server: App
) -> None:
    mail_sandbox.mail.fault("dot", "lost")
    run = await start_run(server, SENDS)
    await until(lambda: bool(mail_sandbox.mail.received(to=SAM.value)))
    view = await server.engine.run(run)
    assert view is not None
    assert view.status is RunStatus.NEEDS_ATTENTION
    assert len(mail_sandbox.mail.received(to=MIA)) == 1
    assert "Did “Mail” happen?" in mail_sandbox.mail.received(to=SAM.value)[0].subject


async def test_an_approver_asked_by_email_is_informed_that_the_run_was_cancelled(
    mail_sandbox: RunningSandbox, server: App
) -> None:
    run = await start_run(server, ASKS)
    (opened,) = await mail_sandbox.mail.wait_for(to=MIA, seconds=20)
    assert opened.subject == "Tell Mia? · Paid · mia@example.com (sam@example.com)"
    assert "https://signoff.example.com/r/" in str(opened.text)
    await status(server, run)
    await server.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL))
    _, closed = await mail_sandbox.mail.wait_for(to=MIA, count=2, seconds=20)
    assert closed.subject == f"Re: {opened.subject}"
    assert closed.header("in-reply-to") == opened.header("message-id")
    assert "⊘ The run was cancelled by sam@example.com" in str(closed.text)
    assert str(opened.text).startswith("signoff.example.com - Signoff\n")
    assert [email.complaints for email in (opened, closed)] == [[], []]


SEVERAL = f"{SENDS.replace(MIA, 'ann@example.com')}    gate: {{KEYS, title: Tell Mia?, edit: [body]}}\n"
THREE = "approvers: [mia@example.com, kim@example.com, lee@example.com], policy: {quorum: 2}"
CHAIN = "policy: {chain: [[mia@example.com, lee@example.com], [kim@example.com]]}"


async def approve(server: App, run: str, by: str, **edits: Any) -> None:
    (request,) = await server.engine.requests_of_run(run)
    decided = await server.engine.decide(
        Decide(
            request=request.id,
            verdict=Verdict.APPROVE,
            actor=Address("email", by),
            content_version=request.model.content_version,
            digest=request.model.digest,
            origin=TERMINAL,
            assurance=Assurance.TERMINAL,
            edits=edits,
        )
    )
    assert isinstance(decided, Decided)


async def test_the_next_group_of_a_chain_is_asked_by_email_with_the_same_subject(
    mail_sandbox: RunningSandbox, server: App
) -> None:
    run = await start_run(server, SEVERAL.replace("KEYS", CHAIN))
    (first,) = await mail_sandbox.mail.wait_for(to=MIA, seconds=20)
    await mail_sandbox.mail.wait_for(to="lee@example.com", seconds=20)
    assert "First you or lee@example.com, then kim@example.com." in plain(first)
    assert mail_sandbox.mail.received(to="kim@example.com") == []
    await approve(server, run, MIA)
    (second,) = await mail_sandbox.mail.wait_for(to="kim@example.com", seconds=20)
    assert second.subject == first.subject
    assert "1 of 2: mia@example.com approved, " in plain(second)
    assert "Waiting for you." in plain(second)
    await approve(server, run, "kim@example.com")
    for person in (MIA, "lee@example.com", "kim@example.com"):
        closed = (await mail_sandbox.mail.wait_for(to=person, count=2, seconds=20))[1]
        assert closed.subject == f"Re: {first.subject}"
        assert closed.complaints == []
    assert "You and kim@example.com approved this, " in plain(mail_sandbox.mail.received(to=MIA)[1])


async def test_an_approver_reads_in_the_thread_what_was_changed_after_they_approved(
    mail_sandbox: RunningSandbox, server: App
) -> None:
    run = await start_run(server, SEVERAL.replace("KEYS", THREE))
    (opened,) = await mail_sandbox.mail.wait_for(to=MIA, seconds=20)
    assert "2 of 3 have to approve." in plain(opened)
    await approve(server, run, MIA)
    await approve(server, run, "kim@example.com", body="It is here.")
    _, told = await mail_sandbox.mail.wait_for(to=MIA, count=2, seconds=20)
    assert told.subject == f"Re: {opened.subject}"
    assert told.header("in-reply-to") == opened.header("message-id")
    text = plain(told)
    assert "kim@example.com changed what you approved: Tell Mia?" in text
    assert "Your approval does not count for the new version. Look at what changed, then decide again." in text
    assert "- Body: before: It is on its way. now: It is here." in text
    assert "You get this email because you approved this request." in text
    assert "https://signoff.example.com/r/" in str(told.text)
    assert told.complaints == []


def plain(email: Any) -> str:
    return " ".join(str(email.text).split())


async def test_an_owner_who_approved_gets_the_failure_in_the_thread_of_the_request(
    mail_sandbox: RunningSandbox, server: App
) -> None:
    mail_sandbox.mail.fault("rcpt", "error", code=550, to=MIA)
    run = await start_run(server, ASKS.replace("approvers: [mia@", "approvers: [sam@"))
    (opened,) = await mail_sandbox.mail.wait_for(to=SAM.value, seconds=20)
    (request,) = await server.engine.requests_of_run(run)
    decided = await server.engine.decide(
        Decide(
            request=request.id,
            verdict=Verdict.APPROVE,
            actor=SAM,
            content_version=request.model.content_version,
            digest=request.model.digest,
            origin=TERMINAL,
            assurance=Assurance.TERMINAL,
        )
    )
    assert isinstance(decided, Decided)
    assert await status(server, run) is RunStatus.FAILED
    _, *later = await mail_sandbox.mail.wait_for(to=SAM.value, count=3, seconds=20)
    (failure,) = [email for email in later if "✕ Failed: Tell Mia" in str(email.text)]
    for email in later:
        assert opened.header("message-id") in str(email.header("references")).split()
        assert email.subject == f"Re: {opened.subject}"
    assert "You get this email because you own this workflow." in str(failure.text)


async def test_a_reminder_is_in_the_thread_of_the_request_and_has_a_link_to_it(
    mail_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    environment = {
        "SIGNOFF_SMTP_URL": mail_sandbox.mail.url,
        "SIGNOFF_EMAIL_FROM": "Signoff <signoff@example.com>",
        "SIGNOFF_PUBLIC_URL": "https://signoff.example.com",
    }
    chosen = loaded_settings.load(environment, database=stepwise_units.copy_empty_database(tmp_path / "signoff.db"))
    clock = FakeClock()
    async with app.open_app(AppOptions(settings=chosen, environment=environment, clock=clock)) as server:
        run = await start_run(server, ASKS.replace("title:", "remind: {after: 1d}, title:"))
        (opened,) = await mail_sandbox.mail.wait_for(to=MIA, seconds=20)
        await until(lambda: server.executor is not None and server.executor.idle)
        clock.pass_time(timedelta(days=1))
        async with asyncio.timeout(20):
            while len(await server.engine.deliveries(run=run)) < 2:  # noqa: ASYNC110 there is no event to await
                await asyncio.sleep(0.02)
        clock.pass_time(timedelta(minutes=1))
        _, reminder = await mail_sandbox.mail.wait_for(to=MIA, count=2, seconds=20)
    assert reminder.subject == f"Re: {opened.subject}"
    assert reminder.header("in-reply-to") == opened.header("message-id")
    assert "Reminder: your decision is still needed" in str(reminder.text)
    assert "https://signoff.example.com/r/" in str(reminder.text)
    assert reminder.complaints == []


async def test_a_question_and_its_answer_are_emails(mail_sandbox: RunningSandbox, server: App) -> None:
    run = await start_run(server, ASKS)
    (opened,) = await mail_sandbox.mail.wait_for(to=MIA, seconds=20)
    (request,) = await server.engine.requests_of_run(run)
    mia, proven = Address("email", MIA), Assurance.TERMINAL
    text = "Which order?\nhttps://evil.example <b>now</b>"
    question = AskQuestion(request=request.id, text=text, actor=mia, origin=TERMINAL, assurance=proven)
    assert isinstance(await server.engine.ask_question(question), QuestionAsked)
    (asked,) = await mail_sandbox.mail.wait_for(to=SAM.value, seconds=20)
    assert asked.subject == "mia@example.com has a question about “Tell Mia?”"
    body = str(asked.text)
    assert "Which order?" in body
    assert "Review and answer" in body
    assert "https://signoff.example.com/r/" in body
    assert "You get this email because you were asked a question." in " ".join(body.split())
    assert "<b>now</b>" not in str(asked.html)
    answer = AnswerQuestion(
        request=request.id, question=None, text="The first one.", actor=SAM, origin=TERMINAL, assurance=proven
    )
    assert isinstance(await server.engine.answer_question(answer), QuestionAnswered)
    await until(lambda: len(mail_sandbox.mail.received(to=MIA)) == 2)
    told = mail_sandbox.mail.received(to=MIA)[1]
    assert told.subject == f"Re: {opened.subject}"
    assert "sam@example.com answered your question about “Tell Mia?”" in str(told.text)
    assert "The first one." in str(told.text)


async def test_a_digest_is_one_email_with_a_link_for_each_request(mail_sandbox: RunningSandbox, server: App) -> None:
    chosen = Preferences(digest=Digest.COUNT, count=2)
    await server.engine.set_preferences(
        SetPreferences(actor=Address("email", MIA), origin=TERMINAL, preferences=chosen)
    )
    runs = [await start_run(server, ASKS.replace("Tell Mia?", title)) for title in ("Tell Mia?", "Tell Ann?")]
    (digest,) = await mail_sandbox.mail.wait_for(to=MIA, seconds=20)
    assert digest.subject == "2 requests are waiting for you"
    text = str(digest.text)
    assert "Your digest" in text
    assert "You get this email because you chose to be told of requests in a digest" in text
    for run, question in zip(runs, ("Tell Mia?", "Tell Ann?"), strict=True):
        (request,) = await server.engine.requests_of_run(run)
        assert question in text
        assert f"Review it: https://signoff.example.com/review/{request.id}\n" in text
    assert "Open your inbox: https://signoff.example.com/inbox\n" in text
    assert digest.complaints == []
    await approve(server, runs[0], MIA)
    await status(server, runs[0])
    assert len(mail_sandbox.mail.received(to=MIA)) == 2, "the email of the step, and no receipt of what had no email"
