"""The events of runs in the side panel of the sandbox's page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.devtools.demo import servers, workflows
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.demo.story_feed import StoryFeed
from bot.presentation import story
from engine.audit_entries import EntryKind
from engine.domain import Address, Cancel, Done, Origin, Register, Registered, RequestState, RunStatus, Start, Started
from engine.json_values import Value


@pytest.fixture
async def env() -> AsyncIterator[DemoEnvironment]:
    async with servers.run_servers() as running:
        yield running


async def open_request(env: DemoEnvironment) -> str:
    """Start a run, wait until both approvers have copies, and return its id."""
    cleo = env.slack.person("cleo").id
    actor, origin = Address("slack", cleo), Origin(surface="slack", place={"user": cleo})
    source = workflows.refund(env.payments.url).encode()
    assert isinstance(await env.app.engine.register(Register(source=source, actor=actor, origin=origin)), Registered)
    money: Value = {"amount": "240.50", "currency": "EUR"}
    inputs: dict[str, Value] = {"order": "A-1", "amount": money, "reason": "Broken"}
    started = await env.app.engine.start(Start(workflow="refund", inputs=inputs, actor=actor, origin=origin))
    assert isinstance(started, Started)
    await env.slack.until(lambda: all(env.slack.person(name).sees() for name in ("ada", "ben")))
    return started.run


async def wait_for_line(feed: StoryFeed, env: DemoEnvironment, kind: str) -> dict[str, Any]:
    """Wait until the story has a line of this kind, and return the story."""
    for _ in range(200):
        story = await feed.story()
        assert story is not None
        if any(line["kind"] == kind for line in story["lines"]):
            return story
        await env.slack.until(lambda: True)
    raise AssertionError(f"no line of kind {kind}")


def sentences(story: dict[str, Any]) -> str:
    return "\n".join(f"{line['who']}: {line['sentence']}" for line in story["lines"])


async def test_the_story_has_the_run_with_its_request_its_copies_and_the_reason(env: DemoEnvironment) -> None:
    run, feed = await open_request(env), StoryFeed(env.app)
    story = await wait_for_line(feed, env, "delivery.shown")
    assert [run["id"] for run in story["runs"]] == [run]
    assert story["runs"][0]["status"] == "waiting"
    (step,) = story["runs"][0]["steps"]
    assert (step["status"], step["title"], step["icon"], step["tone"]) == (
        "in_review",
        "Pay the refund",
        "●",
        "waiting",
    )
    (request,) = story["requests"]
    assert request["title"] == "Refund 240.50 EUR for order A-1?"
    assert {delivery["person"] for delivery in request["deliveries"]} == {"Ada Approver", "Ben Approver"}
    text = sentences(story)
    assert "Signoff asks Ada Approver and Ben Approver: “Refund 240.50 EUR for order A-1?” Why: Over 100 EUR" in text
    assert "Cleo Builder: started “Refund a customer”." in text

    await env.slack.person("ada").click("Edit")
    await env.slack.until(lambda: env.slack.person("ada").modal)
    await env.slack.person("ada").submit({"Amount (EUR)": "90"})
    await wait_for_line(feed, env, "run.succeeded")
    story = await wait_for_line(feed, env, "run.succeeded")  # read once more: the run itself is read before its lines
    assert "Ada Approver: chose “Pay the refund”, and changed Amount." in sentences(story)
    assert story["requests"][0]["state"] == RequestState.APPROVED
    assert story["runs"][0]["status"] == RunStatus.SUCCEEDED


async def test_the_story_has_a_cancelled_run(env: DemoEnvironment) -> None:
    run, feed = await open_request(env), StoryFeed(env.app)
    cleo = Address("slack", env.slack.person("cleo").id)
    answer = await env.app.engine.cancel(Cancel(run=run, actor=cleo, origin=Origin(surface="slack")))
    assert isinstance(answer, Done)
    text = sentences(await wait_for_line(feed, env, "run.cancelled"))
    assert "Cleo Builder: asked to cancel the run." in text
    assert "The request was cancelled." in text


async def test_commands_are_offered_with_the_workflows_that_there_are(env: DemoEnvironment) -> None:
    feed = StoryFeed(env.app)
    assert "/signoff run refund" not in dict(await feed.completions())
    await open_request(env)
    offered = dict(await feed.completions())
    assert offered["/signoff run refund"] == "start Refund a customer"
    assert "/signoff register" in offered


async def test_an_app_that_has_stopped_has_no_story() -> None:
    async with servers.run_servers() as running:
        feed = StoryFeed(running.app)
    assert await feed.story() is None


def test_every_kind_of_entry_of_a_run_has_a_sentence() -> None:
    subjects = ("run", "step", "gate", "request", "delivery", "links", "content", "code", "browser")
    assert {kind for kind in EntryKind if kind.partition(".")[0] in subjects} <= set(story.SENTENCES)
