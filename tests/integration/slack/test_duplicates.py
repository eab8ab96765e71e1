"""Every delivery of Slack comes twice, from the first to the last: what people did happened once."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from engine.domain import RequestState, RunStatus
from engine.read_models import PageQuery
from tests.support.engine_env import UnexpectedError, echo
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, copy_of, expect_ok, words

FORM = """\
name: details
title: Details
steps:
  - id: ask
    uses: form
    approvers: [ada@example.com]
    fields: {account: text}
"""
ACTS = """\
name: act
title: Act
owner: cleo@example.com
steps:
  - {id: act, uses: played, with: {text: hello}}
"""


@pytest.fixture
async def twice(env: SlackEnv) -> SlackEnv:
    for kind in "interactive", "slash_commands", "events_api":
        env.slack.fault(f"deliver:{kind}", "duplicate", times=None)
    return env


def rows(env: SlackEnv, table: str) -> int:
    with closing(sqlite3.connect(f"file:{env.path}?mode=ro", uri=True)) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


async def test_registering_and_running_by_forms(twice: SlackEnv) -> None:
    cleo = twice.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await twice.settle()
    expect_ok(await cleo.submit({"Workflow file": REFUND_WORKFLOW}))
    await twice.settle()
    assert rows(twice, "workflow_version") == 1
    await cleo.close(everything=True)
    expect_ok(await cleo.command("/signoff run refund"))
    await twice.settle()
    expect_ok(await cleo.submit({}))
    await twice.settle()
    assert len(await twice.engine.runs(PageQuery(limit=10))) == 1
    expect_ok(await cleo.command("/signoff run refund amount=7"))
    await twice.settle()
    assert len(await twice.engine.runs(PageQuery(limit=10))) == 2


async def test_approving(twice: SlackEnv) -> None:
    run = await twice.request_approval()
    expect_ok(await twice.person("ada").click("Approve"))
    await twice.settle()
    assert await twice.state(run) is RequestState.APPROVED
    assert rows(twice, "decision") == 1
    assert len(twice.bot.step.calls) == 1


async def test_editing_and_approving(twice: SlackEnv) -> None:
    run = await twice.request_approval()
    ada = twice.person("ada")
    expect_ok(await ada.click("Edit"))
    await twice.settle()
    expect_ok(await ada.submit({"text": "Pay 100 EUR"}))
    await twice.settle()
    assert await twice.state(run) is RequestState.APPROVED
    assert rows(twice, "decision") == 1
    assert [params.text for params, _ in twice.bot.step.calls] == ["Pay 100 EUR"]
    assert "Pay 100 EUR" in words(copy_of(twice.person("ben"))["blocks"])


async def test_rejecting(twice: SlackEnv) -> None:
    run = await twice.request_approval()
    ben = twice.person("ben")
    expect_ok(await ben.click("Reject"))
    await twice.settle()
    expect_ok(await ben.submit({"Reason": "No"}))
    await twice.settle()
    assert (await twice.view(run)).status is RunStatus.REJECTED
    assert rows(twice, "decision") == 1
    assert twice.bot.step.calls == []


async def test_filling_in_a_form(twice: SlackEnv) -> None:
    run = await twice.request_approval(FORM)
    ada = twice.person("ada")
    expect_ok(await ada.click("Fill in"))
    await twice.settle()
    expect_ok(await ada.submit({"account": "12"}))
    await twice.settle()
    assert (await twice.view(run)).status is RunStatus.SUCCEEDED
    assert rows(twice, "decision") == 1


@pytest.mark.parametrize("answer", ["Done", "Repeat", "Stop"])
async def test_answering_what_became_of_a_step(twice: SlackEnv, answer: str) -> None:
    async def breaks(*_: object) -> None:
        raise UnexpectedError("?")

    twice.bot.step.play = breaks
    run = await twice.request_approval(ACTS)
    twice.bot.step.play = echo
    assert (await twice.view(run)).status is RunStatus.NEEDS_ATTENTION
    expect_ok(await twice.person("cleo").click(answer))
    await twice.settle()
    assert (await twice.view(run)).status is (RunStatus.FAILED if answer == "Stop" else RunStatus.SUCCEEDED)
    assert len(twice.bot.step.calls) == (2 if answer == "Repeat" else 1)


async def test_cancelling(twice: SlackEnv) -> None:
    run = await twice.request_approval()
    expect_ok(await twice.person("cleo").command(f"/signoff cancel {run}"))
    await twice.settle()
    assert (await twice.view(run)).status is RunStatus.CANCELLED


async def test_opening_home(twice: SlackEnv) -> None:
    await twice.request_approval()
    ada = twice.person("ada")
    ada.open_home()
    await twice.slack.until(lambda: ada.home)
    await twice.settle()
    assert "Refund 120 EUR?" in words(ada.home)
