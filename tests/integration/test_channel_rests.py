"""The pauses of a channel that an operator has to fix: other processes keep them, and so does a restart."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from engine import retry
from engine.delivery.concurrency import NEWS_SECONDS
from engine.errors import ChannelError
from tests.support.databases import OpenStore, on_server
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.fakes import FakeClock
from tests.support.recording_channel import Fault

GATED = """
name: flow
owner: sam@example.com
steps:
  - id: ask
    uses: set
    with: {text: hello}
    gate: {approvers: [lee@example.com], expires: 8h}
"""
FIRST_WAIT = retry.CHANNEL_WAITS[0] + timedelta(seconds=1)
BROKEN = Fault(error=ChannelError("The token is revoked.", about="channel"))


async def fail(env: EngineEnv) -> None:
    """Let a copy find out that the channel is broken."""
    await env.register(GATED)
    await env.start()
    env.channel.queue_faults(BROKEN)
    assert await env.deliver() == 1


async def attempts(env: EngineEnv) -> int:
    """Return how often the channel is called for what is due now."""
    before = env.channel.calls
    await env.deliver()
    return env.channel.calls - before


async def test_a_restart_remembers_that_a_channel_rests(tmp_path: Path, open_database: OpenStore) -> None:
    clock, path = FakeClock(), tmp_path / "signoff.db"
    async with open_engine(path, clock=clock, open_store=open_database) as before:
        await fail(before)
    async with open_engine(path, clock=clock, open_store=open_database) as after:
        await after.start()
        assert await attempts(after) == 0
        after.pass_time(seconds=61)
        after.channel.queue_faults(BROKEN)
        assert await attempts(after) == 1, "the others wait again"
        assert await after.rows("SELECT failures FROM channel_rest") == [(2,)]
    async with open_engine(path, clock=clock, open_store=open_database) as fixed:
        fixed.pass_time(seconds=119)
        assert await attempts(fixed) == 0
        fixed.pass_time(seconds=2)
        assert await attempts(fixed) == 2
        assert await fixed.rows("SELECT failures FROM channel_rest") == []


async def test_what_one_process_learns_the_others_know(tmp_path: Path, postgres_database: str) -> None:
    clock, server = FakeClock(), on_server(postgres_database)
    async with (
        open_engine(tmp_path, clock=clock, open_store=server) as first,
        open_engine(tmp_path, clock=clock, open_store=server) as second,
    ):
        assert await attempts(second) == 0
        await fail(first)
        await asyncio.sleep(NEWS_SECONDS)  # what the second has read is too old after that, however slow the machine is
        await second.start()
        assert await attempts(second) == 0
        clock.pass_time(FIRST_WAIT)
        assert await attempts(second) == 2
        assert await first.rows("SELECT failures FROM channel_rest") == []
