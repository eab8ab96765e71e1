"""Slack makes every delivery twice, and each action of a person still happens once."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from engine.domain import RequestState, RunStatus
from engine.read_models import PageQuery
from tests.support.engine_env import UnexpectedError, echo
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, copy_of, expect_ok, words

pytestmark = pytest.mark.each_variation

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
async def duplicating_env(env: SlackEnv) -> SlackEnv:
    for kind in "interactive", "slash_commands", "events_api":
        env.slack.fault(f"deliver:{kind}", "duplicate", times=None)
    return env


def rows(env: SlackEnv, table: str) -> int:
    with closing(sqlite3.connect(f"file:{env.path}?mode=ro", uri=True)) as connection:
        count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return count


async def test_registering_and_running_by_forms(duplicating_env: SlackEnv) -> None:
    cleo = duplicating_env.person("cleo")
    expect_ok(await cleo.command("/signoff register"))
    await duplicating_env.settle()
    expect_ok(await cleo.submit({"Workflow file": REFUND_WORKFLOW}))
    await duplicating_env.settle()
    assert rows(duplicating_env, "workflow_version") == 1
    assert cleo.modal is None
    expect_ok(await cleo.command("/signoff run refund"))
    await duplicating_env.settle()
    expect_ok(await cleo.submit({}))
    await duplicating_env.settle()
    assert len(await duplicating_env.engine.runs(PageQuery(limit=10))) == 1
    expect_ok(await cleo.command("/signoff run refund amount=7"))
    await duplicating_env.settle()
    assert len(await duplicating_env.engine.runs(PageQuery(limit=10))) == 2


async def test_approving(duplicating_env: SlackEnv) -> None:
    run = await duplicating_env.request_approval()
    expect_ok(await duplicating_env.person("ada").click("Approve"))
    await duplicating_env.settle()
    assert await duplicating_env.state(run) is RequestState.APPROVED
    assert rows(duplicating_env, "decision") == 1
    assert len(duplicating_env.bot.step.calls) == 1


async def test_editing_and_approving(duplicating_env: SlackEnv) -> None:
    run = await duplicating_env.request_approval()
    ada = duplicating_env.person("ada")
    expect_ok(await ada.click("Edit"))
    await duplicating_env.settle()
    expect_ok(await ada.submit({"Text": "Pay 100 EUR"}))
    await duplicating_env.settle()
    assert await duplicating_env.state(run) is RequestState.APPROVED
    assert rows(duplicating_env, "decision") == 1
    assert [params.text for params, _ in duplicating_env.bot.step.calls] == ["Pay 100 EUR"]
    assert "Pay 100 EUR" in words(copy_of(duplicating_env.person("ben"))["blocks"])


async def test_rejecting(duplicating_env: SlackEnv) -> None:
    run = await duplicating_env.request_approval()
    ben = duplicating_env.person("ben")
    expect_ok(await ben.click("Reject"))
    await duplicating_env.settle()
    expect_ok(await ben.submit({"Reason": "No"}))
    await duplicating_env.settle()
    assert (await duplicating_env.view(run)).status is RunStatus.REJECTED
    assert rows(duplicating_env, "decision") == 1
    assert duplicating_env.bot.step.calls == []


async def test_filling_in_a_form(duplicating_env: SlackEnv) -> None:
    run = await duplicating_env.request_approval(FORM)
    ada = duplicating_env.person("ada")
    expect_ok(await ada.click("Fill in"))
    await duplicating_env.settle()
    expect_ok(await ada.submit({"Account": "12"}))
    await duplicating_env.settle()
    assert (await duplicating_env.view(run)).status is RunStatus.SUCCEEDED
    assert rows(duplicating_env, "decision") == 1


@pytest.mark.parametrize("answer", ["It happened", "It did not happen", "Stop the run"])
async def test_answering_about_a_step_of_unknown_outcome(duplicating_env: SlackEnv, answer: str) -> None:
    async def raise_error(*_: object) -> None:
        raise UnexpectedError("?")

    duplicating_env.bot.step.play = raise_error
    run = await duplicating_env.request_approval(ACTS)
    duplicating_env.bot.step.play = echo
    assert (await duplicating_env.view(run)).status is RunStatus.NEEDS_ATTENTION
    expect_ok(await duplicating_env.person("cleo").click(answer))
    await duplicating_env.settle()
    assert (await duplicating_env.view(run)).status is (
        RunStatus.FAILED if answer == "Stop the run" else RunStatus.SUCCEEDED
    )
    assert len(duplicating_env.bot.step.calls) == (2 if answer == "It did not happen" else 1)


async def test_cancelling(duplicating_env: SlackEnv) -> None:
    run = await duplicating_env.request_approval()
    expect_ok(await duplicating_env.person("cleo").command(f"/signoff cancel {run}"))
    await duplicating_env.settle()
    assert (await duplicating_env.view(run)).status is RunStatus.CANCELLED


async def test_opening_home(duplicating_env: SlackEnv) -> None:
    await duplicating_env.request_approval()
    ada = duplicating_env.person("ada")
    ada.open_home()
    await duplicating_env.slack.until(lambda: ada.home)
    await duplicating_env.settle()
    assert "Refund 120 EUR?" in words(ada.home)
