"""Whoever approved a step hears that it failed or has an unknown outcome, and every copy says what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from pathlib import Path
from typing import Any, Final

import pytest

from bot.email import message, view
from engine.domain import Card, DeliveryKind, Resume, ResumeAnswer, RunStatus
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
async def here(path: Path) -> AsyncIterator[WebEnv]:
    played = PlayedStep()
    async with open_web(path, steps={"set": SetStep(), "played": played}) as made:
        made.engine_env.step = played
        yield made


async def approved(here: WebEnv, error: StepError | None, source: str = PAYS, *, by: str = ADA) -> str:
    """A run that Ada approved, or another approver, whose step came to this."""

    async def play(params: PlayedParams, context: Any) -> dict[str, object]:
        if error is not None:
            raise error
        return {}

    here.engine_env.step.play = play
    asked = await here.request_approval(source=source)
    approver = await here.sign_in(by)
    page = await approver.get(f"/review/{asked.id}")
    await approver.send(page.page.form)
    await here.engine_env.settle()
    return asked.run


def copies(here: WebEnv, address: str) -> list[Card]:
    """The copies of the request as they are now."""
    return [one.card for one in here.engine_env.mail.channel.of(address) if one.cards[0].kind is DeliveryKind.REQUEST]


def told(cards: Sequence[Card]) -> list[str]:
    return [text for one in cards for label, text in one.facts if label == "What became of it"]


async def test_whoever_approved_hears_once_that_it_failed_and_every_copy_says_so(here: WebEnv) -> None:
    run = await approved(here, StepError("The bank refused it.", retryable=False))
    assert (await here.engine_env.view(run)).status is RunStatus.FAILED
    [alert] = here.engine_env.mail.to(ADA, DeliveryKind.ALERT)
    assert alert.title == "Pay a supplier: what you approved failed"
    assert told([alert]) == ["The step failed: The bank refused it."]
    assert alert.token is None
    assert here.engine_env.mail.to(BEN, DeliveryKind.ALERT) == []
    assert told([*copies(here, ADA), *copies(here, BEN)]) == ["The step failed: The bank refused it."] * 2


async def test_its_email_stands_in_the_thread_of_the_request(here: WebEnv) -> None:
    await approved(here, StepError("The bank refused it.", retryable=False))
    [alert] = here.engine_env.mail.to(ADA, DeliveryKind.ALERT)
    [asked] = here.engine_env.mail.to(ADA, DeliveryKind.REQUEST)
    made = [message.mail(one, envelope(at)) for at, one in enumerate((asked, alert))]
    assert made[1]["In-Reply-To"] == made[0]["Message-ID"]
    assert made[1]["Subject"] == f"Re: {made[0]['Subject']}"
    assert "because you approved this" in " ".join(view.shown(alert, public_url="https://s.example").footer)


def envelope(at: int) -> message.Envelope:
    return message.Envelope(
        sender=Address("Signoff", addr_spec="signoff@example.com"),
        to=ADA,
        public_url="https://s.example",
        delivery=f"copy-{at}",
        date=datetime(2026, 3, 2, tzinfo=UTC),
    )


async def test_whoever_approved_hears_that_the_outcome_is_unknown_and_copies_follow_the_answer(here: WebEnv) -> None:
    run = await approved(here, StepError("The line went dead.", outcome_unknown=True))
    [alert] = here.engine_env.mail.to(ADA, DeliveryKind.ALERT)
    assert alert.title == "Pay a supplier: the outcome of what you approved is unknown"
    assert alert.token is None
    [fact] = set(told([*copies(here, ADA), *copies(here, BEN)]))
    assert fact.startswith("The step was called, and its outcome is unknown.")
    page = await (await here.sign_in(ADA)).get(f"/review/{(await here.engine_env.request(run)).id}")
    assert "its outcome is unknown" in page.page.text
    await here.engine_env.engine.resume(Resume(run=run, answer=ResumeAnswer.DONE, actor=SAM, origin=TERMINAL))
    await here.engine_env.settle()
    assert told([*copies(here, ADA), *copies(here, BEN)]) == []
    [now] = [one.card for one in here.engine_env.mail.channel.of(ADA) if one.cards[0].kind is DeliveryKind.ALERT]
    assert now.state is not None
    assert now.state.startswith("Answered by")


async def test_whoever_approved_is_not_told_that_a_stopped_step_failed(here: WebEnv) -> None:
    run = await approved(here, StepError("The line went dead.", outcome_unknown=True))
    await here.engine_env.engine.resume(Resume(run=run, answer=ResumeAnswer.STOP, actor=SAM, origin=TERMINAL))
    await here.engine_env.settle()
    [alert] = [one.card for one in here.engine_env.mail.channel.of(ADA) if one.cards[0].kind is DeliveryKind.ALERT]
    assert alert.topic == "approved_unknown"
    assert alert.state is not None
    assert alert.state.startswith("Answered by")
    unknown = "A person stopped the run; whether step pay happened is unknown. The line went dead."
    assert told([*copies(here, ADA), *copies(here, BEN)]) == [unknown] * 2


async def test_an_approver_who_started_the_run_at_the_terminal_hears_it_too(here: WebEnv) -> None:
    """Nothing else tells them: a command that has ended cannot."""
    source = PAYS.replace("[ada@example.com, ben@example.com]", "[ann@example.com]")
    await approved(here, StepError("The bank refused it."), source, by="ann@example.com")
    assert [one.topic for one in here.engine_env.mail.to("ann@example.com", DeliveryKind.ALERT)] == ["approved_failed"]


async def test_nothing_more_is_said_of_a_step_that_went_well(here: WebEnv) -> None:
    run = await approved(here, None)
    assert (await here.engine_env.view(run)).status is RunStatus.SUCCEEDED
    assert here.engine_env.mail.to(ADA, DeliveryKind.ALERT) == []
    assert told([*copies(here, ADA), *copies(here, BEN)]) == []


async def test_an_approver_who_owns_the_workflow_hears_it_once(here: WebEnv) -> None:
    source = PAYS.replace("owner: sam@example.com", "owner: ada@example.com")
    await approved(here, StepError("The bank refused it.", retryable=False), source)
    assert [one.topic for one in here.engine_env.mail.to(ADA, DeliveryKind.ALERT)] == ["failed"]
