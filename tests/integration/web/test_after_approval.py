"""The approver of a step is informed of its failure or unknown outcome, and every copy shows the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Any, Final

import pytest

from bot.email import message, view
from bot.presentation.dates import written
from engine.domain import Card, DeliveryKind, RequestState, Resume, ResumeAnswer, RunStatus, TryAgain
from engine.errors import StepError
from engine.steps.set import SetStep
from tests.support.engine_env import SAM, TERMINAL, PlayedParams, PlayedStep
from tests.support.web_env import ADA, BEN, WebEnv, open_web

PAYS: Final = """\
name: pay
title: Pay a supplier
owner: sam@example.com
steps:
  - id: pay
    uses: played
    with: {text: "900 EUR"}
    gate:
      title: "Pay 900 EUR?"
      approvers: [ada@example.com, ben@example.com]
"""


@pytest.fixture
async def env(path: Path) -> AsyncIterator[WebEnv]:
    played = PlayedStep()
    async with open_web(path, steps={"set": SetStep(), "played": played}) as env:
        env.engine_env.step = played
        yield env


async def run_approved(env: WebEnv, error: StepError | None, source: str = PAYS, *, by: str = ADA) -> str:
    """Start a run, approve it, and let its step succeed or raise `error`."""

    async def play(params: PlayedParams, context: Any) -> dict[str, object]:
        if error is not None:
            raise error
        return {}

    env.engine_env.step.play = play
    request = await env.request_approval(source=source)
    approver = await env.sign_in(by)
    page = await approver.get(f"/review/{request.id}")
    await approver.send(page.page.form)
    await env.engine_env.settle()
    return request.run


def copies(env: WebEnv, address: str) -> list[Card]:
    """Return the current copies of the request at the address."""
    return [
        email.card for email in env.engine_env.mail.channel.of(address) if email.cards[0].kind is DeliveryKind.REQUEST
    ]


def outcomes(cards: Sequence[Card]) -> list[str]:
    effects = [card.outcome.effect for card in cards if card.outcome is not None and card.outcome.effect]
    return [*effects, *(written(note.text) for card in cards for note in card.notes if note.label == "What happened")]


async def test_the_approver_is_informed_once_of_the_failure_and_every_copy_shows_it(env: WebEnv) -> None:
    run = await run_approved(env, StepError("The bank refused it.", retryable=False))
    assert (await env.engine_env.view(run)).status is RunStatus.FAILED
    [alert] = env.engine_env.mail.to(ADA, DeliveryKind.ALERT)
    assert alert.title == "You approved “Pay 900 EUR?”, and it failed"
    assert outcomes([alert]) == ["Pay: failed. The bank refused it."]
    assert [note.label for note in alert.notes] == ["Decision", "What happened"]
    assert alert.token is None
    assert env.engine_env.mail.to(BEN, DeliveryKind.ALERT) == []
    assert outcomes([*copies(env, ADA), *copies(env, BEN)]) == ["Pay: failed. The bank refused it."] * 2


async def test_the_email_about_the_failure_is_in_the_thread_of_the_request(env: WebEnv) -> None:
    await run_approved(env, StepError("The bank refused it.", retryable=False))
    [alert] = env.engine_env.mail.to(ADA, DeliveryKind.ALERT)
    [request] = env.engine_env.mail.to(ADA, DeliveryKind.REQUEST)
    messages = [message.mail(card, envelope(number)) for number, card in enumerate((request, alert))]
    assert messages[1]["In-Reply-To"] == messages[0]["Message-ID"]
    assert messages[1]["Subject"] == f"Re: {messages[0]['Subject']}"
    assert "because you approved this" in " ".join(view.shown(alert, public_url="https://s.example").footer)


async def test_each_approver_gets_a_receipt_in_the_thread_of_the_request(env: WebEnv) -> None:
    await run_approved(env, None)
    for address, who in ((ADA, "You"), (BEN, ADA)):
        [request] = env.engine_env.mail.to(address, DeliveryKind.REQUEST)
        [closed] = copies(env, address)
        opened, receipt = (message.mail(card, envelope(number)) for number, card in enumerate((request, closed)))
        assert receipt["In-Reply-To"] == opened["Message-ID"]
        assert receipt["Subject"] == f"Re: {opened['Subject']}"
        assert view.shown(closed, public_url="https://s.example").outcome[0].startswith(f"{who} approved this, ")


def envelope(number: int) -> message.Envelope:
    return message.Envelope(
        sender=Address("Signoff", addr_spec="signoff@example.com"),
        to=ADA,
        public_url="https://s.example",
        delivery=f"copy-{number}",
        date=datetime(2026, 3, 2, tzinfo=UTC),
    )


async def test_the_approver_is_informed_of_an_unknown_outcome_and_copies_follow_the_answer(env: WebEnv) -> None:
    run = await run_approved(env, StepError("The line went dead.", outcome_unknown=True))
    [alert] = env.engine_env.mail.to(ADA, DeliveryKind.ALERT)
    assert alert.title == "You approved “Pay 900 EUR?”. Did it happen?"
    assert [note.label for note in alert.notes] == ["What went wrong", "Decision"]
    assert alert.token is None
    [fact] = set(outcomes([*copies(env, ADA), *copies(env, BEN)]))
    assert fact.startswith("Pay: it is not clear whether this happened.")
    page = await (await env.sign_in(ADA)).get(f"/review/{(await env.engine_env.request(run)).id}")
    assert "it is not clear whether this happened" in page.page.text
    await env.engine_env.engine.resume(Resume(run=run, answer=ResumeAnswer.DONE, actor=SAM, origin=TERMINAL))
    await env.engine_env.settle()
    assert outcomes([*copies(env, ADA), *copies(env, BEN)]) == ["Pay: done"] * 2
    assert {card.outcome.effect_at for card in copies(env, ADA) if card.outcome} == {env.clock.now()}
    [now] = [email.card for email in env.engine_env.mail.channel.of(ADA) if email.cards[0].kind is DeliveryKind.ALERT]
    assert now.outcome is not None
    assert "answered “It happened”" in written(now.outcome.line)


async def test_the_approver_is_not_informed_that_a_stopped_step_failed(env: WebEnv) -> None:
    run = await run_approved(env, StepError("The line went dead.", outcome_unknown=True))
    await env.engine_env.engine.resume(Resume(run=run, answer=ResumeAnswer.STOP, actor=SAM, origin=TERMINAL))
    await env.engine_env.settle()
    [alert] = [email.card for email in env.engine_env.mail.channel.of(ADA) if email.cards[0].kind is DeliveryKind.ALERT]
    assert alert.topic == "approved_unknown"
    assert alert.outcome is not None
    assert "answered “Stop the run”" in written(alert.outcome.line)
    unknown = "The run was stopped before it was clear whether “Pay” happened. The line went dead."
    assert outcomes([*copies(env, ADA), *copies(env, BEN)]) == [unknown] * 2


async def test_an_approver_who_started_the_run_at_the_terminal_is_informed_too(env: WebEnv) -> None:
    """Nothing else informs them, because their command has ended."""
    source = PAYS.replace("[ada@example.com, ben@example.com]", "[ann@example.com]")
    await run_approved(env, StepError("The bank refused it."), source, by="ann@example.com")
    assert [email.topic for email in env.engine_env.mail.to("ann@example.com", DeliveryKind.ALERT)] == [
        "approved_failed"
    ]


async def test_a_successful_step_alerts_no_one(env: WebEnv) -> None:
    run = await run_approved(env, None)
    assert (await env.engine_env.view(run)).status is RunStatus.SUCCEEDED
    assert env.engine_env.mail.to(ADA, DeliveryKind.ALERT) == []
    assert outcomes([*copies(env, ADA), *copies(env, BEN)]) == ["Pay: done"] * 2


async def test_copies_follow_a_step_that_succeeds_after_they_showed_the_decision(env: WebEnv) -> None:
    called, may_return = asyncio.Event(), asyncio.Event()

    async def play(params: PlayedParams, context: Any) -> dict[str, object]:
        called.set()
        await may_return.wait()
        return {}

    env.engine_env.step.play = play
    source = PAYS.replace("uses: played", "title: Pay the supplier\n    uses: played")
    request = await env.request_approval(source=source)
    approver = await env.sign_in(ADA)
    page = await approver.get(f"/review/{request.id}")
    await approver.send(page.page.form)
    async with asyncio.TaskGroup() as group:
        group.create_task(env.engine_env.runner.advance(request.run))
        await called.wait()
        await env.engine_env.deliver()
        assert outcomes([*copies(env, ADA), *copies(env, BEN)]) == ["Pay the supplier: running"] * 2
        may_return.set()
    await env.engine_env.settle()
    assert outcomes([*copies(env, ADA), *copies(env, BEN)]) == ["Pay the supplier: done"] * 2


@pytest.mark.parametrize("gate", ["", "    gate: {at: after, title: 'Was it right?', approvers: [ada@example.com]}\n"])
async def test_a_step_that_no_one_approved_before_it_ran_updates_no_copy(env: WebEnv, gate: str) -> None:
    asks = "  - {id: ask, uses: set, with: {text: a}, gate: {title: 'Go on?', approvers: [ada@example.com]}}\n"
    source = f"name: pay\nowner: sam@example.com\nsteps:\n{asks}  - id: pay\n    uses: played\n{gate}"
    run = await run_approved(env, None, source)
    requests = await env.engine_env.engine.requests_of_run(run)
    (request,) = [request for request in requests if request.model.subject.step == "ask"]
    [copy] = await env.engine_env.engine.deliveries(request=request.id)
    assert copy.wanted_version == 2, "one for the request, and one for its decision"
    assert (request.effect, request.model.state) == (None, RequestState.APPROVED)


async def test_everyone_whose_approval_counted_is_informed_once(env: WebEnv) -> None:
    both = PAYS.replace("      approvers:", "      policy: all\n      approvers:")

    async def play(params: PlayedParams, context: Any) -> dict[str, object]:
        raise StepError("The bank refused it.", retryable=False)

    env.engine_env.step.play = play
    request = await env.request_approval(source=both)
    for by in (ADA, BEN):
        approver = await env.sign_in(by)
        await approver.send((await approver.get(f"/review/{request.id}")).page.form)
    await env.engine_env.settle()
    for by in (ADA, BEN):
        assert [email.topic for email in env.engine_env.mail.to(by, DeliveryKind.ALERT)] == ["approved_failed"]
        assert outcomes(copies(env, by)) == ["Pay: failed. The bank refused it."]


async def test_an_approver_who_owns_the_workflow_is_informed_although_the_run_goes_on(env: WebEnv) -> None:
    source = PAYS.replace("owner: sam@example.com", "owner: ada@example.com") + "    on_error: continue\n"
    run = await run_approved(env, StepError("The bank refused it.", retryable=False), source)
    assert (await env.engine_env.view(run)).status is RunStatus.SUCCEEDED
    assert [email.topic for email in env.engine_env.mail.to(ADA, DeliveryKind.ALERT)] == ["approved_failed"]


@pytest.mark.parametrize("again", [ADA, BEN], ids=["the same person approves", "another person approves"])
async def test_who_learned_of_a_failure_learns_once_that_another_try_worked(env: WebEnv, again: str) -> None:
    run = await run_approved(env, StepError("The bank refused it.", retryable=False))
    env.clock.pass_time(timedelta(minutes=17))

    async def works(params: PlayedParams, context: Any) -> dict[str, object]:
        return {}

    env.engine_env.step.play = works
    await env.engine_env.engine.try_again(TryAgain(run=run, actor=SAM, origin=TERMINAL))
    await env.engine_env.settle()
    approver = await env.sign_in(again)
    first, second = await env.engine_env.engine.requests_of_run(run)
    await approver.send((await approver.get(f"/review/{second.id}")).page.form)
    await env.engine_env.settle()
    [alert] = [mail for mail in env.engine_env.mail.channel.of(ADA) if mail.cards[0].kind is DeliveryKind.ALERT]
    assert alert.card.outcome is not None
    assert alert.card.outcome.line == ("It worked on another try, ", env.clock.now())
    assert env.engine_env.mail.to(BEN, DeliveryKind.ALERT) == []
    page = await approver.get(f"/review/{first.id}")
    assert "Pay: failed at first. It worked on another try, " in page.page.text
    assert outcomes(copies(env, BEN)) == ["Pay: failed at first. It worked on another try", "Pay: done"]


async def test_an_approver_who_owns_the_workflow_is_informed_once(env: WebEnv) -> None:
    source = PAYS.replace("owner: sam@example.com", "owner: ada@example.com")
    await run_approved(env, StepError("The bank refused it.", retryable=False), source)
    assert [email.topic for email in env.engine_env.mail.to(ADA, DeliveryKind.ALERT)] == ["failed"]
