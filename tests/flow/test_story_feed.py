"""What the side panel of the sandbox's page is told of a run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.devtools.demo import servers, story_feed, workflows
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.demo.story_feed import StoryFeed
from engine.audit_entries import EntryKind
from engine.domain import Address, Cancel, Done, Origin, Register, Registered, RequestState, RunStatus, Start, Started
from engine.json_values import Value


@pytest.fixture
async def standing() -> AsyncIterator[DemoEnvironment]:
    async with servers.standing() as up:
        yield up


async def asked(standing: DemoEnvironment) -> str:
    """The id of a run whose request both approvers see."""
    cleo = standing.slack.person("cleo").id
    actor, origin = Address("slack", cleo), Origin(surface="slack", place={"user": cleo})
    source = workflows.refund(standing.payments.url).encode()
    assert isinstance(
        await standing.app.engine.register(Register(source=source, actor=actor, origin=origin)), Registered
    )
    money: Value = {"amount": "240.50", "currency": "EUR"}
    inputs: dict[str, Value] = {"order": "A-1", "amount": money, "reason": "Broken"}
    started = await standing.app.engine.start(Start(workflow="refund", inputs=inputs, actor=actor, origin=origin))
    assert isinstance(started, Started)
    await standing.slack.until(lambda: all(standing.slack.person(name).sees() for name in ("ada", "ben")))
    return started.run


async def comes(feed: StoryFeed, standing: DemoEnvironment, kind: str) -> dict[str, Any]:
    """The story, once it has a line of this kind."""
    for _ in range(200):
        told = await feed.story()
        assert told is not None
        if any(one["kind"] == kind for one in told["lines"]):
            return told
        await standing.slack.until(lambda: True)
    raise AssertionError(f"no line of kind {kind}")


def sentences(told: dict[str, Any]) -> str:
    return "\n".join(f"{one['who']}: {one['sentence']}" for one in told["lines"])


async def test_a_run_is_told_with_its_request_its_copies_and_why(standing: DemoEnvironment) -> None:
    run, feed = await asked(standing), StoryFeed(standing.app)
    told = await comes(feed, standing, "delivery.shown")
    assert [one["id"] for one in told["runs"]] == [run]
    assert told["runs"][0]["status"] == "waiting"
    assert told["runs"][0]["steps"][0]["status"] == "in_review"
    (request,) = told["requests"]
    assert request["title"] == "Refund order A-1?"
    assert {one["person"] for one in request["deliveries"]} == {"Ada Approver", "Ben Approver"}
    said = sentences(told)
    assert "waits for Ada Approver, Ben Approver. Why: Over 100 EUR: refund policy 4.2" in said
    assert "Cleo Builder: started refund, version 1." in said

    await standing.slack.person("ada").click("Edit")
    await standing.slack.until(lambda: standing.slack.person("ada").modal)
    await standing.slack.person("ada").submit({"Amount (EUR)": "90"})
    await comes(feed, standing, "run.succeeded")
    told = await comes(feed, standing, "run.succeeded")  # read once more: the run itself is read before its lines
    assert "Ada Approver: chose “Pay the refund”, with changes of Amount." in sentences(told)
    assert told["requests"][0]["state"] == RequestState.APPROVED
    assert told["runs"][0]["status"] == RunStatus.SUCCEEDED


async def test_a_run_that_is_cancelled_is_told(standing: DemoEnvironment) -> None:
    run, feed = await asked(standing), StoryFeed(standing.app)
    cleo = Address("slack", standing.slack.person("cleo").id)
    answer = await standing.app.engine.cancel(Cancel(run=run, actor=cleo, origin=Origin(surface="slack")))
    assert isinstance(answer, Done)
    said = sentences(await comes(feed, standing, "run.cancelled"))
    assert "Cleo Builder: asked for the run to be cancelled." in said
    assert "The request was cancelled." in said


async def test_commands_are_offered_with_the_workflows_that_there_are(standing: DemoEnvironment) -> None:
    feed = StoryFeed(standing.app)
    assert "/signoff run refund" not in dict(await feed.completions())
    await asked(standing)
    offered = dict(await feed.completions())
    assert offered["/signoff run refund"] == "start Refund a customer"
    assert "/signoff register" in offered


async def test_an_app_that_has_stopped_has_nothing_to_tell() -> None:
    async with servers.standing() as up:
        feed = StoryFeed(up.app)
    assert await feed.story() is None


def test_every_kind_of_entry_of_a_run_has_a_sentence() -> None:
    of_a_run = ("run", "step", "gate", "request", "delivery", "links")
    assert {kind for kind in EntryKind if kind.partition(".")[0] in of_a_run} <= set(story_feed.SENTENCES)
