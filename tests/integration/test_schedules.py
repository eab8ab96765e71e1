"""Schedules start runs: each time once, in its time zone, whatever happens to clocks, versions and processes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.domain import Cancel, Card, DeliveryKind, Done, RunStatus
from engine.read_models import PageQuery
from engine.steps.set import SetStep
from engine.store import trigger_rows
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, open_engine

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""09:00 in Berlin."""
FLOW = """
name: flow
owner: sam@example.com
inputs:
  day: {type: date}
  note: {type: text, default: none}
triggers:
  - schedule: "0 9 * * mon"
    timezone: Europe/Berlin
    inputs: {day: "{{ trigger.date }}", note: "at {{ trigger.time }}"}
EXTRA
steps:
  - {id: act, uses: set, with: {day: "{{ inputs.day }}"}, gate: {approvers: [lee@example.com]}}
"""


def flow(extra: str = "") -> str:
    return FLOW.replace("EXTRA\n", "".join(f"    {line}\n" for line in extra.splitlines()))


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.clock.at = MONDAY - timedelta(days=1)
        yield env


async def pass_to(env: EngineEnv, at: datetime) -> None:
    env.clock.at = at
    await env.settle()


async def starts(env: EngineEnv) -> list[str]:
    """Return the input `day` of every run, the oldest first."""
    views = await env.engine.runs(PageQuery(limit=100))
    return sorted(str(view.inputs["day"]) for view in views)


async def next_at(env: EngineEnv) -> datetime | None:
    (view,) = await env.engine.workflows()
    return view.next_at


async def test_a_schedule_starts_a_run_at_its_local_time(env: EngineEnv) -> None:
    await env.register(flow())
    await pass_to(env, MONDAY - timedelta(seconds=1))
    assert await starts(env) == []
    await pass_to(env, MONDAY)
    assert await starts(env) == ["2026-03-02"]
    (run,) = await env.engine.runs(PageQuery())
    assert run.inputs["note"] == "at 2026-03-02T09:00:00+01:00"
    assert run.requester.automation == "schedule"
    assert run.status is RunStatus.WAITING
    # The clocks are put forward on March 29: the time in Berlin stays the same.
    for week in range(1, 5):
        await pass_to(env, MONDAY + timedelta(weeks=week))
    assert await starts(env) == ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23", "2026-03-30"]
    assert await next_at(env) == datetime(2026, 4, 6, 7, 0, tzinfo=UTC)


async def test_the_requester_is_no_person(env: EngineEnv) -> None:
    await env.register(flow().replace("approvers: [lee@example.com]", "approvers: [lee@example.com, requester]"))
    await pass_to(env, MONDAY)
    (run,) = await env.engine.runs(PageQuery())
    request = await env.request(run.id)
    assert [approver.person.label for approver in request.approvers] == ["lee@example.com"]
    assert request.notes == ("No person started this run, so there is no requester to ask.",)
    assert request.left_out is None
    # The owner may cancel it.
    assert isinstance(await env.engine.cancel(Cancel(run=run.id, actor=SAM, origin=TERMINAL)), Done)


MISSED = {"skip": [], "once": ["2026-03-23"], "all": ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"]}


@pytest.mark.parametrize("missed", list(MISSED))
async def test_what_was_missed_while_no_server_ran(env: EngineEnv, missed: str) -> None:
    await env.register(flow(f"missed: {missed}"))
    await pass_to(env, MONDAY + timedelta(weeks=3, hours=1))
    assert await starts(env) == MISSED[missed]
    assert await next_at(env) == datetime(2026, 3, 30, 7, 0, tzinfo=UTC)
    skipped = await entries(env, "trigger.skipped")
    expected = {"skip": ("2026-03-02", "2026-03-23"), "once": ("2026-03-02", "2026-03-16")}.get(missed)
    assert [(entry["first"][:10], entry["last"][:10]) for entry in skipped] == ([expected] if expected else [])


async def entries(env: EngineEnv, kind: str) -> list[dict[str, Any]]:
    """Return the contents of the audit entries of a kind that belong to no run."""
    rows = await env.rows(f"SELECT content FROM audit WHERE leaf LIKE '%{kind}%' ORDER BY seq")
    return [json.loads(row[0]) for row in rows]


async def test_overlap_skip_starts_nothing_while_the_run_before_is_open(env: EngineEnv) -> None:
    await env.register(flow("overlap: skip"))
    await pass_to(env, MONDAY)
    await pass_to(env, MONDAY + timedelta(weeks=1))
    assert await starts(env) == ["2026-03-02"]
    (skipped,) = await entries(env, "trigger.skipped")
    assert (skipped["why"], skipped["overlap"], skipped["first"][:10]) == ("overlap", "skip", "2026-03-09")
    (run,) = await env.engine.runs(PageQuery())
    await env.decide(run.id)
    await pass_to(env, MONDAY + timedelta(weeks=2))
    assert await starts(env) == ["2026-03-02", "2026-03-16"]


async def test_overlap_queue_begins_each_run_when_the_one_before_has_ended(env: EngineEnv) -> None:
    await env.register(flow("overlap: queue"))
    for week in range(3):
        await pass_to(env, MONDAY + timedelta(weeks=week))
    third, second, first = await env.engine.runs(PageQuery())
    assert [run.queued for run in (first, second, third)] == [False, True, True]
    assert await env.engine.next_run("flow") == MONDAY + timedelta(weeks=3)
    assert [len(await env.engine.requests_of_run(run.id)) for run in (first, second, third)] == [1, 0, 0]
    await env.decide(first.id)
    await env.settle()
    assert [len(await env.engine.requests_of_run(run.id)) for run in (first, second, third)] == [1, 1, 0]
    # One that is cancelled in the queue never begins, and the next one does not wait for it.
    await env.engine.cancel(Cancel(run=second.id, actor=SAM, origin=TERMINAL))
    await env.settle()
    assert [len(await env.engine.requests_of_run(run.id)) for run in (first, second, third)] == [1, 1, 1]
    assert (await env.view(second.id)).status is RunStatus.CANCELLED


async def test_a_queued_run_finds_the_end_of_the_run_before_by_itself(env: EngineEnv) -> None:
    await env.register(flow("overlap: queue"))
    await pass_to(env, MONDAY)
    await pass_to(env, MONDAY + timedelta(weeks=1))
    second, first = await env.engine.runs(PageQuery())
    await env.decide(first.id)
    await env.runner.advance(first.id)
    # The process died before the hint was heard, and the row was ready for a moment that has passed.
    await pass_to(env, MONDAY + timedelta(weeks=1, minutes=2))
    assert len(await env.engine.requests_of_run(second.id)) == 1


async def test_a_new_version_keeps_a_schedule_that_stays_the_same(env: EngineEnv) -> None:
    await env.register(flow())
    before = await env.rows("SELECT id, next_at FROM trigger")
    env.clock.at = MONDAY + timedelta(hours=1)
    await env.register(flow("missed: skip"))
    assert await env.rows("SELECT id, next_at FROM trigger") == before
    # It was missed by an hour, and the new version says that it is skipped.
    await env.settle()
    assert await starts(env) == []
    await env.register(flow().replace('"0 9 * * mon"', '"0 12 * * mon"'))
    assert await env.rows("SELECT id FROM trigger") != [row[:1] for row in before]
    assert await next_at(env) == datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    await env.register(re.sub(r"triggers:.*?steps:", "steps:", flow(), flags=re.DOTALL))
    assert await env.rows("SELECT id FROM trigger") == []
    await pass_to(env, MONDAY + timedelta(weeks=1))
    assert await starts(env) == []


async def test_a_clock_that_was_ahead_neither_doubles_nor_loses(env: EngineEnv) -> None:
    await env.register(flow())
    # The clock jumps forward by two weeks and a day, and is set back.
    await pass_to(env, MONDAY + timedelta(days=15))
    assert await starts(env) == ["2026-03-16"]
    for hours in range(-24, 24 * 16, 6):
        await pass_to(env, MONDAY + timedelta(hours=hours))
    assert await starts(env) == ["2026-03-02", "2026-03-09", "2026-03-16"]


async def test_a_clock_that_is_set_back_starts_nothing_twice(env: EngineEnv) -> None:
    await env.register(flow())
    await pass_to(env, MONDAY)
    await pass_to(env, MONDAY - timedelta(seconds=50))
    await pass_to(env, MONDAY + timedelta(seconds=10))
    assert await starts(env) == ["2026-03-02"]


async def test_a_time_starts_one_run_whoever_is_first(env: EngineEnv) -> None:
    await env.register(flow())
    env.clock.at = MONDAY
    (work,) = [work for work in await env.engine.due(MONDAY) if work.id.startswith(trigger_rows.WORK)]
    await asyncio.gather(*(env.engine.process_due(work.id) for _ in range(20)))
    assert await starts(env) == ["2026-03-02"]


def cards(env: EngineEnv) -> list[Card]:
    """Return the messages about triggers that were sent."""
    posted = [post.card for post in env.channel.posted.values()]
    return [card for card in posted if card.kind is DeliveryKind.NOTICE]


async def test_inputs_that_the_workflow_refuses_start_nothing_and_are_shown(env: EngineEnv) -> None:
    await env.register(flow().replace("{type: text, default: none}", "{type: text, default: none, max_length: 5}"))
    await pass_to(env, MONDAY)
    assert await starts(env) == []
    (view,) = await env.engine.workflows()
    assert "note" in (view.triggers[0].failure or "").lower()
    (failed,) = await entries(env, "trigger.failed")
    assert failed["workflow"] == "flow"
    assert await next_at(env) == MONDAY + timedelta(weeks=1)
    (told,) = cards(env)
    assert told.title == "The schedule of “flow” could not start a run"
    assert "at most 5" in str(told.notes)
    # The owner is told once, and not each time that it is due.
    await pass_to(env, MONDAY + timedelta(weeks=1))
    assert len(cards(env)) == 1
    await env.register(flow())
    await pass_to(env, MONDAY + timedelta(weeks=2))
    assert await starts(env) == ["2026-03-16"]
    (view,) = await env.engine.workflows()
    assert view.triggers[0].failure is None


async def test_a_message_about_a_schedule_that_works_again_is_not_sent(env: EngineEnv) -> None:
    refusing = flow().replace("{type: text, default: none}", "{type: text, default: none, max_length: 5}")
    for week, source in enumerate((refusing, flow())):
        await env.register(source)
        env.clock.at = MONDAY + timedelta(weeks=week)
        (work,) = [work for work in await env.engine.due(env.clock.at) if work.id.startswith(trigger_rows.WORK)]
        await env.engine.process_due(work.id)
    await env.settle()
    assert await starts(env) == ["2026-03-09"]
    assert cards(env) == []


async def test_schedules_that_cannot_be_read_hide_no_others(tmp_path: Path, open_database: OpenStore) -> None:
    unreadable = """
name: NAME
triggers:
TRIGGERS
steps:
  - {id: act, uses: played, with: {text: "x"}}
"""
    triggers = "\n".join('  - {schedule: "0 8 * * mon"}' for _ in range(20))
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.clock.at = MONDAY - timedelta(days=1)
        for number in range(11):
            await env.register(unreadable.replace("NAME", f"unreadable-{number}").replace("TRIGGERS", triggers))
        await env.register(flow())
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps={"set": SetStep()}) as env:
        await pass_to(env, MONDAY)
        assert await starts(env) == ["2026-03-02"]
        # They are looked at again a minute later, and due until a server can read them.
        assert await env.engine.due(MONDAY) == []
        assert len(await env.engine.due(MONDAY + timedelta(minutes=1), limit=300)) == 220


async def test_a_schedule_that_a_server_cannot_read_stays_due_until_one_can(
    tmp_path: Path, open_database: OpenStore
) -> None:
    source = flow().replace('uses: set, with: {day: "{{ inputs.day }}"}', 'uses: played, with: {text: "x"}')
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.clock.at = MONDAY - timedelta(days=1)
        await env.register(source)
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps={"set": SetStep()}) as env:
        env.clock.at = MONDAY
        for work in await env.engine.due(MONDAY):
            await env.engine.process_due(work.id)
        assert await starts(env) == []
        (view,) = await env.engine.workflows()
        assert "played" in (view.triggers[0].failure or "")
        # It stays due, and that is not recorded anew each time that it is looked at.
        env.clock.pass_time(timedelta(minutes=1))
        for work in await env.engine.due(env.clock.now()):
            await env.engine.process_due(work.id)
        assert len(await entries(env, "trigger.failed")) == 1
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await pass_to(env, MONDAY + timedelta(hours=5))
        assert await starts(env) == ["2026-03-02"]
        (view,) = await env.engine.workflows()
        assert (view.triggers[0].failure, view.next_at) == (None, MONDAY + timedelta(weeks=1))
