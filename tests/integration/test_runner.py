from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.domain import Cancel, Decided, Done, RequestState, Resume, ResumeAnswer, RunStatus, StepStatus
from engine.errors import StepError, StoreFull
from engine.ports import StepContext
from engine.read_models import PageQuery, RequestView, StepView
from engine.retry import DIRECTORY_DOWN_WAIT
from engine.runs import MAX_OUTPUT
from engine.store import request_queries
from engine.store.metadata import METADATA
from engine.store.port import Connection, Tx
from engine.store.run_rows import LEASE
from engine.store.sqlite_connection import SqliteConnection
from engine.store.takeover import take_over
from engine.worker.runner import Runner
from tests.support.databases import OpenStore
from tests.support.engine_env import (
    PATIENCE,
    SAM,
    TERMINAL,
    EngineEnv,
    PlayedParams,
    UnexpectedError,
    echo,
    open_engine,
    until,
)
from tests.support.fakes import START, FakeClock
from tests.support.recording_channel import RecordingChannel

FLOW = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}}
  - {id: after, uses: set, with: {got: "{{ steps.act.text }}"}}
"""
AGAIN = FLOW.replace("{text: hello}", "{text: hello, again: true}")
RETRIED = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}, retry: {attempts: 3, wait: 10s}}
"""
SECRET = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: "{{ 'hi' }}", headers: {auth: "Bearer {{ secret.BANK }}"}}}
"""
GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}, gate: {approvers: [lee@example.com]}}
"""

SWORDFISH = 'sword"fish\\n'

ASKS_AND_ACTS = """
name: flow
title: Ask and act
steps:
  - id: ask
    uses: set
    with: {amount: 5}
    gate: {approvers: [lee@example.com]}
  - id: act
    uses: played
"""


@pytest.fixture
async def env(tmp_path: Path, open_store: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", secrets={"BANK": SWORDFISH}, open_store=open_store) as env:
        yield env


@pytest.fixture
async def sqlite_env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    """Open an engine on a file, for what only a file has."""
    async with open_engine(tmp_path / "signoff.db") as env:
        yield env


async def start_run(env: EngineEnv, source: str = FLOW) -> str:
    await env.register(source)
    return await env.start()


async def step(env: EngineEnv, run: str) -> StepView:
    return (await env.view(run)).steps[0]


def returning(value: Any) -> Callable[[PlayedParams, StepContext], Any]:
    async def play(params: PlayedParams, context: StepContext) -> Any:
        return value

    return play


def raising(*errors: BaseException) -> Callable[[PlayedParams, StepContext], Any]:
    remaining = list(errors)

    async def play(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        if remaining:
            raise remaining.pop(0)
        return {"text": "at last"}

    return play


class PausedStep:
    """A step that works until it is released."""

    def __init__(self) -> None:
        self.started, self.released = asyncio.Event(), asyncio.Event()

    async def __call__(self, params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        self.started.set()
        await self.released.wait()
        return {"text": "x" * 50_000}


# -- without failures ---------------------------------------------------------------------------------------


async def test_an_effect_is_called_once_with_what_was_resolved_and_its_output_goes_on(env: EngineEnv) -> None:
    run = await start_run(env)
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    assert [step.output for step in view.steps] == [{"text": "hello", "attempt": 1}, {"got": "hello"}]
    ((params, context),) = env.step.calls
    assert params.text == "hello"
    assert (context.run, context.step, context.visit, context.attempt) == (run, "act", 1, 1)
    assert context.idempotency_key == f"{run}:act:1"


async def test_many_requests_with_their_outcomes_take_as_many_statements_as_one(
    sqlite_env: EngineEnv,
) -> None:
    env = sqlite_env
    called = ASKS_AND_ACTS.replace("uses: set\n    with: {amount: 5}", "uses: played")
    for _ in range(5):
        await env.decide(await start_run(env, called))
    await env.settle()

    def listed(connection: Connection, limit: int) -> tuple[list[RequestView], int]:
        statements: list[str] = []
        assert isinstance(connection, SqliteConnection)
        connection.driver.set_trace_callback(statements.append)
        views = request_queries.request_views(connection, "default", PageQuery(limit=limit))
        connection.driver.set_trace_callback(None)
        return views, len(statements)

    first, few = await env.engine.store.read(lambda connection: listed(connection, 1))
    all_of_them, many = await env.engine.store.read(lambda connection: listed(connection, 100))
    assert [len(first), len(all_of_them)] == [1, 5]
    assert {view.effect.status for view in all_of_them if view.effect} == {StepStatus.SUCCEEDED}
    assert many == few


async def test_many_hints_at_once_call_the_effect_once(env: EngineEnv) -> None:
    run = await start_run(env)
    await asyncio.gather(*(env.runner.advance(run) for _ in range(20)))
    await env.runner.advance("nowhere")
    assert len(env.step.calls) == 1
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


# -- failures -----------------------------------------------------------------------------------------------


async def test_a_run_names_its_steps_by_the_titles_of_the_version_that_it_started_with(env: EngineEnv) -> None:
    env.step.play = raising(StepError("The bank said no."))
    file = "name: flow\nsteps: [{id: pay_it, uses: played, TITLE with: {text: hello}}]\n"
    titles = "title: Pay the refund,", "title: Pay it out,", ""
    runs = [await start_run(env, file.replace("TITLE", title)) for title in titles]
    await env.settle()
    views = [await env.view(run) for run in runs]
    assert [view.steps[0].label for view in views] == ["Pay the refund", "Pay it out", "Pay it"]
    assert [view.step_label("pay_it") for view in views] == ["Pay the refund", "Pay it out", "Pay it"]
    assert views[0].step_label("gone_by_now") == "Gone by now"
    assert views[0].error == "Step “Pay the refund” failed: The bank said no."


async def test_a_permanent_failure_ends_the_run_with_its_sentence(env: EngineEnv) -> None:
    env.step.play = raising(StepError("The bank said no."))
    run = await start_run(env, RETRIED)
    await env.settle()
    assert (await step(env, run)).status is StepStatus.FAILED
    assert (await env.view(run)).error == "Step “Act” failed: The bank said no."
    assert len(env.step.calls) == 1


async def test_a_temporary_failure_is_retried_under_the_same_key(env: EngineEnv) -> None:
    busy = StepError("The bank is busy.", retryable=True)
    env.step.play = raising(busy, StepError("Later.", retryable=True, retry_after=timedelta(seconds=99)))
    run = await start_run(env, RETRIED)
    for wait in (10, 99):
        await env.settle()
        assert (await step(env, run)).status is StepStatus.RETRYING
        env.pass_time(seconds=wait - 1)
        await env.settle()
        assert (await step(env, run)).status is StepStatus.RETRYING
        env.pass_time(seconds=1)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert [context.attempt for _, context in env.step.calls] == [1, 2, 3]
    assert {context.idempotency_key for _, context in env.step.calls} == {f"{run}:act:1"}


async def test_an_alert_that_is_late_is_about_its_step_and_not_about_the_last_request_of_the_run(
    env: EngineEnv,
) -> None:
    env.step.play = raising(StepError("The line went dead.", outcome_unknown=True))
    await env.register(ASKS_AND_ACTS)
    run = await env.start()
    await env.settle()
    assert isinstance(await env.decide(run), Decided)
    await env.runner.advance(run)
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    done = Resume(run=run, answer=ResumeAnswer.DONE, actor=SAM, origin=TERMINAL)
    assert isinstance(await env.engine.resume(done), Done)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    await env.settle()
    (late,) = [copy for copy in env.rendered if copy.topic == "needs_attention"]
    assert late.run.status is RunStatus.SUCCEEDED
    assert late.request is None


async def test_an_unknown_outcome_asks_a_person_and_is_repeated_only_when_they_say_so(env: EngineEnv) -> None:
    env.step.play = raising(StepError("The line went dead.", outcome_unknown=True))
    run = await start_run(env)
    await env.settle()
    env.pass_time(days=1)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    assert len(env.step.calls) == 1
    assert len(env.channel.of("sam@example.com")) == 1
    again = Resume(run=run, answer=ResumeAnswer.REPEAT, actor=SAM, origin=TERMINAL)
    assert isinstance(await env.engine.resume(again), Done)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert {context.idempotency_key for _, context in env.step.calls} == {f"{run}:act:1"}


async def test_a_step_that_takes_too_long_is_cut_off_with_unknown_outcome(env: EngineEnv) -> None:
    env.step.play = PausedStep()
    run = await start_run(env, FLOW.replace("with: {text", "timeout: 1s, with: {text", 1))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    assert (await step(env, run)).error == "It took longer than 1 second."


@pytest.mark.parametrize(
    "error", [UnexpectedError("SECRET"), KeyError("SECRET"), TimeoutError("SECRET"), asyncio.CancelledError("SECRET")]
)
async def test_a_step_type_with_a_bug_has_an_unknown_outcome_and_its_traceback_is_logged(
    env: EngineEnv, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    env.step.play = raising(error)
    run = await start_run(env)
    with caplog.at_level(logging.ERROR):
        await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.NEEDS_ATTENTION
    assert (await step(env, run)).error == "The step broke. The log of the server says why."
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert run in record.getMessage()


@pytest.mark.each_variation
@pytest.mark.parametrize(
    ("output", "message"),
    [
        ([1, 2], "it is not a mapping"),
        (None, "it is not a mapping"),
        ({"a": object()}, "object cannot be carried"),
        ({"a": float("nan")}, "not a number"),
        ({1: "a"}, "not text"),
        ({"a": "x" * MAX_OUTPUT}, "at most 1,500,000 are kept"),
    ],
)
async def test_an_output_that_cannot_be_kept_fails_the_step_and_says_that_it_did_its_work(
    env: EngineEnv, output: Any, message: str
) -> None:
    env.step.play = returning(output)
    run = await start_run(env, RETRIED)
    await env.settle()
    error = str((await step(env, run)).error)
    assert error.startswith("The step did its work, but its output cannot be used: ")
    assert message in error
    assert len(env.step.calls) == 1


# -- secrets and approved content ---------------------------------------------------------------------------


async def test_secrets_are_joined_when_the_step_is_called_and_are_nowhere_in_the_file(env: EngineEnv) -> None:
    async def echo(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        return {"sent": params.headers, SWORDFISH: ["x" + SWORDFISH, 7, None, True]}

    env.step.play = echo
    run = await start_run(env, SECRET)
    await env.settle()
    assert env.step.calls[0][0].headers == {"auth": f"Bearer {SWORDFISH}"}
    assert (await step(env, run)).output == {
        "sent": {"auth": "Bearer (secret BANK)"},
        "(secret BANK)": ["x(secret BANK)", 7, None, True],
    }
    assert await _texts_with(env, "sword") == []


async def test_secrets_are_masked_in_errors(env: EngineEnv) -> None:
    env.step.play = raising(StepError(f"401 for Bearer {SWORDFISH}"))
    run = await start_run(env, SECRET)
    await env.settle()
    assert (await step(env, run)).error == "401 for Bearer (secret BANK)"
    assert await _texts_with(env, "sword") == []


async def _texts_with(env: EngineEnv, part: str) -> list[str]:
    def query(connection: Any) -> list[str]:
        rows = [row for table in METADATA.sorted_tables for row in connection.execute(table.select())]
        return [str(value) for row in rows for value in row if part in str(value)]

    return await env.store.read(query)


async def test_a_secret_that_is_missing_fails_the_step_without_a_call(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        run = await start_run(env, SECRET)
        await env.settle()
        assert "SIGNOFF_SECRET_BANK" in str((await step(env, run)).error)
        assert env.step.calls == []


async def test_content_that_differs_from_the_approved_content_is_never_run(env: EngineEnv) -> None:
    run = await start_run(env, GATED)
    await env.settle()
    await env.decide(run)
    forged = """UPDATE request SET content = replace(content, 'hello', 'all of it')"""
    await env.store.transact(lambda tx: tx.connection.execute(text(forged)).close())
    await env.settle()
    view = await step(env, run)
    assert view.status is StepStatus.FAILED
    assert "not what was approved" in str(view.error)
    assert env.step.calls == []


# -- leases, fences, crashes --------------------------------------------------------------------------------


async def lease(env: EngineEnv, run: str) -> str:
    query = text("SELECT lease_until FROM run WHERE id = :run")
    return str(await env.store.read(lambda connection: connection.execute(query, {"run": run}).scalar()))


async def _wait_for_lease(env: EngineEnv, run: str, wanted: str) -> None:
    for _ in range(PATIENCE):
        if (await lease(env, run)).startswith(wanted):
            return
        await asyncio.sleep(0.01)
    pytest.fail("the lease was never renewed")


async def test_a_lease_is_renewed_while_a_long_step_works(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", renew_seconds=0.01) as env:
        pause = env.step.play = PausedStep()
        run = await start_run(env)
        advancing = asyncio.ensure_future(env.runner.advance(run))
        await pause.started.wait()
        for _ in range(3):
            env.pass_time(seconds=6)
            wanted = str((env.clock.now() + LEASE).replace(tzinfo=None))
            await _wait_for_lease(env, run, wanted)
            assert [work for work in await env.engine.due(env.clock.now()) if work.id == run] == []
        pause.released.set()
        await advancing
        assert (await env.view(run)).status is RunStatus.SUCCEEDED
        assert len(env.step.calls) == 1


async def test_a_run_that_another_worker_has_claimed_is_left_alone(env: EngineEnv) -> None:
    pause = env.step.play = PausedStep()
    run = await start_run(env, AGAIN)
    advancing = asyncio.ensure_future(env.runner.advance(run))
    await pause.started.wait()
    env.step.play = echo
    await Runner(env.store, env.advancer, steps={"played": env.step}, secrets=_NoSecrets()).advance(run)
    assert len(env.step.calls) == 1
    pause.released.set()
    await advancing
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_the_outcome_of_a_worker_that_lost_its_lease_is_dropped(
    env: EngineEnv, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = PausedStep(), PausedStep()
    env.step.play = first
    run = await start_run(env, AGAIN)
    slow = asyncio.ensure_future(env.runner.advance(run))
    await first.started.wait()
    env.clock.pass_time(LEASE)
    env.step.play = second
    second_runner = Runner(env.store, env.advancer, steps={"played": env.step}, secrets=_NoSecrets())
    fast = asyncio.ensure_future(second_runner.advance(run))
    await second.started.wait()
    with caplog.at_level(logging.WARNING):
        first.released.set()
        await slow
    assert caplog.records == []
    view = await step(env, run)
    assert (view.status, view.attempt) == (StepStatus.STARTED, 2), "the second call still runs"
    second.released.set()
    await fast
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert (await env.kinds(run)).count("step.succeeded") == 2
    assert {context.idempotency_key for _, context in env.step.calls} == {f"{run}:act:1"}


class _NoSecrets:
    async def prepare(self, names: Collection[str], workflow: str) -> None:
        pass

    def read(self, name: str, workflow: str = "") -> str:
        raise StepError(f"there is no {name}")

    def redact(self, text: str) -> str:
        return text


async def crash(task: asyncio.Future[None]) -> None:
    """Cut off a task that has lost its store already, so that it can hand over nothing."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("source", "status", "calls"), [(FLOW, RunStatus.NEEDS_ATTENTION, 1), (AGAIN, RunStatus.SUCCEEDED, 2)]
)
async def test_a_step_that_its_process_cuts_off_when_it_stops_is_handed_over_at_once(
    env: EngineEnv, source: str, status: RunStatus, calls: int
) -> None:
    pause = env.step.play = PausedStep()
    run = await start_run(env, source)
    advancing = asyncio.ensure_future(env.runner.advance(run))
    await pause.started.wait()
    advancing.cancel()
    await asyncio.gather(advancing, return_exceptions=True)
    env.step.play = echo
    await env.settle()
    assert (await env.view(run)).status is status
    assert len(env.step.calls) == calls


@pytest.mark.parametrize(
    ("source", "status", "calls"), [(FLOW, RunStatus.NEEDS_ATTENTION, 1), (AGAIN, RunStatus.SUCCEEDED, 2)]
)
async def test_a_step_that_was_under_way_in_a_crash_is_repeated_only_if_that_is_harmless(
    tmp_path: Path, source: str, status: RunStatus, calls: int
) -> None:
    async with open_engine(tmp_path / "signoff.db") as before:
        pause = before.step.play = PausedStep()
        run = await start_run(before, source)
        advancing = asyncio.ensure_future(before.runner.advance(run))
        await pause.started.wait()
    await crash(advancing)
    async with open_engine(tmp_path / "signoff.db", clock=before.clock, channel=before.channel) as after:
        await after.settle()
        assert after.step.calls == []
        after.clock.pass_time(LEASE)
        await after.settle()
        assert (await after.view(run)).status is status
        assert 1 + len(after.step.calls) == calls


WAITS = """
name: flow
owner: sam@example.com
steps:
  - {id: ask, uses: set, with: {text: hello}, gate: {approvers: [lee@example.com]}}
  - {id: act, uses: played, with: {again: true}}
  - {id: sleep, uses: wait, with: {for: 1h}}
"""


async def test_work_postponed_by_a_clock_that_was_ahead_continues_in_the_next_process(tmp_path: Path) -> None:
    """The clock was a year ahead when the server died: after a decision, in an effect, and with copies to deliver."""
    ahead, path, channel = FakeClock(START + timedelta(days=365)), tmp_path / "signoff.db", RecordingChannel()
    async with open_engine(path, clock=ahead, channel=channel) as before:
        await before.register(WAITS)
        decided, acting, waiting = [await before.start() for _ in range(3)]
        pause = before.step.play = PausedStep()
        for run in (decided, acting):
            await before.decide(run)
        advancing = asyncio.ensure_future(before.runner.advance(acting))
        await pause.started.wait()
    await crash(advancing)
    async with open_engine(path, clock=FakeClock(START), channel=channel) as after:
        await after.settle()
        assert after.step.calls == []
        await after.store.transact(take_over)
        await after.settle()
        assert len(after.step.calls) == 2
        for run in (decided, acting):
            assert (await after.view(run)).steps[-1].status is StepStatus.SLEEPING
            assert (await after.view(run)).ready_at == START + timedelta(hours=1)
        assert (await after.request(waiting)).model.state is RequestState.PENDING
        assert (await after.request(waiting)).model.deadlines.first_shown_at == START
        ready = (await after.view(decided)).ready_at
        await after.store.transact(take_over)
        assert (await after.view(decided)).ready_at == ready, "the step waits by its own clock"


async def test_a_cancel_during_a_step_lets_the_step_finish_as_the_last_one(env: EngineEnv) -> None:
    pause = env.step.play = PausedStep()
    run = await start_run(env)
    advancing = asyncio.ensure_future(env.runner.advance(run))
    await pause.started.wait()
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    pause.released.set()
    await advancing
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.CANCELLED
    assert [(step.step, step.status) for step in view.steps] == [("act", StepStatus.SUCCEEDED)]


async def test_an_outcome_that_cannot_be_recorded_is_kept_until_there_is_room_and_no_crash_meanwhile(
    sqlite_env: EngineEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env = sqlite_env
    pause = env.step.play = PausedStep()
    run = await start_run(env, AGAIN)
    advancing = asyncio.ensure_future(env.runner.advance(run))
    await pause.started.wait()
    await env.store.transact(_pages(1))
    with caplog.at_level(logging.ERROR):
        pause.released.set()
        await until(lambda: bool(caplog.records))
    assert "Free space on its disk" in caplog.records[0].getMessage()
    with pytest.raises(StoreFull):
        await env.store.transact(lambda tx: tx.connection.execute(text("CREATE TABLE more (a)")).close())
    env.clock.pass_time(10 * LEASE)
    await env.runner.advance(run)
    assert not advancing.done()
    await env.store.transact(_pages(1_000_000))
    await advancing
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(env.step.calls) == 1


def _pages(most: int) -> Callable[[Tx], None]:
    return lambda tx: tx.connection.exec_driver_sql(f"PRAGMA max_page_count={most}").close()


# -- runs that cannot be moved ------------------------------------------------------------------------------


async def test_a_run_with_a_missing_step_type_is_postponed_and_continues_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "signoff.db"
    async with open_engine(path) as before:
        run = await start_run(before)
    async with open_engine(path, clock=before.clock, steps={"set": before.advancer.kinds["set"]}) as without:  # type: ignore[dict-item]
        with caplog.at_level(logging.ERROR):
            await without.settle()
        assert len(caplog.records) == 1, "the run is not tried again at once"
        view = await without.view(run)
        assert "no longer understands the workflow of this run" in str(view.error)
        assert "played" in str(view.error)
        assert view.ready_at == without.clock.now() + DIRECTORY_DOWN_WAIT
        assert not view.status.ended
    before.clock.pass_time(DIRECTORY_DOWN_WAIT)
    async with open_engine(path, clock=before.clock) as after:
        await after.settle()
        view = await after.view(run)
        assert (view.status, view.error) == (RunStatus.SUCCEEDED, None)


async def test_a_run_that_hits_a_bug_is_postponed_and_the_traceback_is_logged(
    env: EngineEnv, caplog: pytest.LogCaptureFixture
) -> None:
    run = await start_run(env)
    spoilt = "UPDATE run SET inputs = 'no json'"
    await env.store.transact(lambda tx: tx.connection.execute(text(spoilt)).close())
    with caplog.at_level(logging.ERROR):
        await env.runner.advance(run)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert run in record.getMessage()
    assert [work for work in await env.engine.due(env.clock.now()) if work.kind == "advance"] == []
    repair = "UPDATE run SET inputs = '{}'"
    await env.store.transact(lambda tx: tx.connection.execute(text(repair)).close())
    assert (await env.view(run)).error == "Something broke. The log of the server says what."
    env.clock.pass_time(DIRECTORY_DOWN_WAIT)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
