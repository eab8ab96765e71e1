"""Crashes, decisions, cancels and clocks in any order while lanes work: whatever happens, items end once."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain import Cancel, RequestState, RunStatus, Verdict
from engine.read_models import PageQuery
from engine.worker.advance import ClaimedEffect
from tests.support.databases import open_repeating
from tests.support.engine_env import ANN, LEE, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count

ITEMS = 5
ONE_BY_ONE = """
name: flow
owner: sam@example.com
steps:
  - id: each
    uses: foreach
    with: {over: [a, b, c, d, e], parallel: 2}
    on_error: continue
    steps:
      - {id: send, uses: played, with: {text: "{{ item }}", again: true}, gate: {approvers: [lee@example.com]}}
      - {id: note, uses: played, with: {text: "{{ steps.send.text }}!", again: true}}
"""
TOGETHER = """
name: flow
owner: sam@example.com
steps:
  - id: each
    uses: foreach
    with: {over: [a, b, c, d, e], parallel: 3}
    gate: {approvers: [lee@example.com]}
    steps:
      - {id: send, uses: played, with: {text: "{{ item }}", again: true}}
"""
OPERATIONS = ("advance", "crash before the call", "crash after the call", "approve", "reject", "time", "cancel")
MOVES = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 9)), max_size=40)


class Lanes:
    """A run with a foreach, and what is done to it."""

    def __init__(self, env: EngineEnv, run: str) -> None:
        self.env, self.run = env, run
        self.is_cancelled = False

    async def do(self, operation: str, number: int) -> None:
        if operation in ("approve", "reject"):
            await self._decide(Verdict.APPROVE if operation == "approve" else Verdict.REJECT, number)
        elif operation == "time":
            self.env.pass_time(seconds=8)
        elif operation == "cancel" and number == 0:
            self.is_cancelled = True
            await self.env.engine.cancel(Cancel(run=self.run, actor=ANN, origin=TERMINAL))
        else:
            await self._advance(operation, number)

    async def _advance(self, operation: str, number: int) -> None:
        due = [work.id for work in await self.env.engine.due(self.env.clock.now()) if work.kind == "advance"]
        if not due:
            return
        run = due[number % len(due)]
        if operation == "advance":
            await self.env.runner.advance(run)
            return
        claimed: ClaimedEffect | None = await self.env.store.transact(lambda tx: self.env.advancer.advance(tx, run, {}))
        if claimed is not None and operation == "crash after the call":
            # The call is made, and the process dies before it records the outcome.
            await self.env.runner._run_effect(claimed)  # noqa: SLF001

    async def _decide(self, verdict: Verdict, number: int) -> None:
        found = await self.env.engine.requests(PageQuery(limit=200))
        pending = sorted((one for one in found if one.model.state is RequestState.PENDING), key=lambda one: one.id)
        if pending:
            request = pending[number % len(pending)]
            await self.env.decide(request.run, verdict, by=LEE, seen=request)

    async def finish(self) -> None:
        for _ in range(60):
            self.env.pass_time(seconds=8)
            await self.env.settle()
            if (await self.env.view(self.run)).status.ended and not await self._open():
                return
            await self._decide(Verdict.APPROVE, 0)
        raise AssertionError("the run never ended")

    async def _open(self) -> list[Any]:
        return await self.env.rows("SELECT id FROM run WHERE ended_at IS NULL")

    async def check(self) -> None:
        """Check what holds at the end, whatever happened."""
        env, view = self.env, await self.env.view(self.run)
        keys = defaultdict[str, set[str]](set)
        for params, context in env.step.calls:
            keys[params.text].add(context.idempotency_key)
        assert all(len(of_text) == 1 for of_text in keys.values()), keys
        items = await env.rows("SELECT number, status, output FROM item ORDER BY number")
        for number, status, output in items:
            name = "abcde"[number - 1]
            if status == "succeeded":
                assert output is not None
                assert name in keys
            if status == "rejected":
                assert name not in keys
        if view.status is RunStatus.SUCCEEDED:
            assert len(items) == ITEMS
            assert {status for _, status, _ in items} <= {"succeeded", "rejected"}
        else:
            assert view.status in (RunStatus.CANCELLED, RunStatus.REJECTED)
        if view.status is RunStatus.CANCELLED:
            assert self.is_cancelled
        assert await env.rows("SELECT id FROM request WHERE state = 'pending'") == []


@pytest.mark.parametrize("source", [ONE_BY_ONE, TOGETHER], ids=["one by one", "together"])
@settings(max_examples=example_count(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_items_end_once_whatever_happens(source: str, moves: list[tuple[str, int]]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_engine(Path(folder) / "signoff.db", open_store=open_repeating) as env:
                await env.register(source)
                lanes = Lanes(env, await env.start())
                for operation, number in moves:
                    await lanes.do(operation, number)
                await lanes.finish()
                await lanes.check()

    asyncio.run(play())
