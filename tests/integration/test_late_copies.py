"""New copies that have to wait long for their turn: they are put off together, and none is claimed for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.delivery.late_copies import LateCopies
from engine.domain import DeliveryKind, DeliveryState, Work
from engine.errors import ChannelError
from engine.read_models import DeliveryView
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.recording_channel import RecordingChannel

FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: ask
    uses: set
    with: {text: hello}
    gate: {approvers: [lee@example.com]}
"""
LOOK = Work("take_turns", "new")


class Crowded(RecordingChannel):
    """Posts only as many new copies as it has turns for, each to the copy that asked for it first."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0
        self.asked: list[str] = []
        self.broken = False

    async def check_turn(self, *, address: str, delivery: str) -> None:
        if self.broken:
            raise ChannelError("The service is gone.", about="channel")
        if delivery not in self.asked:
            self.asked.append(delivery)
        if self.asked.index(delivery) >= self.turns:
            raise ChannelError("Too much is being sent.", retry_after=timedelta(seconds=40), postponed=True)


class Executor:
    """Remembers what was submitted."""

    def __init__(self) -> None:
        self.works: list[Work] = []

    def submit(self, works: list[Work]) -> None:
        self.works += works

    def take(self) -> list[Work]:
        works, self.works = self.works, []
        return works

    def take_copies(self) -> list[str]:
        return [work.id for work in self.take() if work.kind == "deliver"]


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, channel=Crowded()) as env:
        await env.register(FLOW)
        yield env


def listening(env: EngineEnv) -> tuple[LateCopies, Executor, Crowded]:
    """Let a `LateCopies` sort the work of the engine."""
    channel, executor = env.channel, Executor()
    assert isinstance(channel, Crowded)
    late = LateCopies(env.store, {"recording": channel, "email": env.mail})
    env.store.on_commit(late.before(executor.submit))  # type: ignore[arg-type]
    return late, executor, channel


async def copies(env: EngineEnv, run: str) -> list[DeliveryView]:
    return [copy for copy in await env.engine.deliveries(run=run) if copy.kind is DeliveryKind.REQUEST]


async def test_late_copies_are_put_off_together_and_come_back_for_their_turns(env: EngineEnv) -> None:
    late, executor, channel = listening(env)
    runs = [await env.start() for _ in range(3)]
    works = executor.take()
    assert LOOK in works
    assert all(work.kind != "deliver" for work in works)
    [first], [second], [third] = [await copies(env, run) for run in runs]
    channel.turns = 1
    await late.put_off("new")
    # The first one has its turn, the others come back.
    assert executor.take_copies() == [first.id]
    assert await env.deliver() == 1
    for copy in (second, third):
        [row] = await env.rows(f"SELECT attempts, rev, lease_until FROM delivery WHERE id = '{copy.id}'")
        assert row == (0, 0, None)
    assert [copy.state for run in runs for copy in await copies(env, run)] == [
        DeliveryState.SHOWN,
        DeliveryState.DUE,
        DeliveryState.DUE,
    ]
    env.pass_time(seconds=39)
    assert await env.deliver() == 0
    channel.turns = 3
    env.pass_time(seconds=2)
    assert await env.deliver() == 2
    assert {copy.state for run in runs for copy in await copies(env, run)} == {DeliveryState.SHOWN}
    # Nothing is left to look at.
    await late.put_off("new")
    assert executor.take_copies() == []


async def test_a_copy_whose_request_was_decided_meanwhile_is_not_put_off(env: EngineEnv) -> None:
    late, _, channel = listening(env)
    run = await env.start()
    await env.decide(run)
    await late.put_off("new")
    assert await env.deliver() == 1
    [copy] = await copies(env, run)
    assert copy.state is DeliveryState.SKIPPED
    assert channel.calls == 0


async def test_a_copy_that_another_task_claimed_is_not_put_off(env: EngineEnv) -> None:
    late, _, channel = listening(env)
    run = await env.start()
    channel.turns = 1
    assert await env.deliver() == 1
    channel.turns = 0
    await late.put_off("new")
    [copy] = await copies(env, run)
    assert (copy.state, copy.next_at) == (DeliveryState.SHOWN, None)


async def test_what_else_is_wrong_is_recorded_when_the_copy_is_claimed(env: EngineEnv) -> None:
    late, executor, channel = listening(env)
    run = await env.start()
    [copy] = await copies(env, run)
    channel.broken = True
    executor.take()
    await late.put_off("new")
    assert executor.take_copies() == [copy.id]


async def test_other_work_goes_on_at_once(env: EngineEnv) -> None:
    late, executor, _ = listening(env)
    listen = late.before(executor.submit)  # type: ignore[arg-type]
    others = [Work("advance", "r"), Work("deliver", "d"), Work("deliver", "e", ("email", "a@example.com"))]
    listen(others)
    assert executor.take() == others
    listen([Work("deliver", "f", ("recording", "U1"))])
    assert executor.take() == [LOOK]
