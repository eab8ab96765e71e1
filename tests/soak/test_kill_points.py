"""A server that is killed between a commit and what it leads to: every copy follows, and people are told once.

The servers are processes. Slack keeps each call waiting, before or after it has taken effect, so that the server dies
after the commit and before it has recorded what it sent.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.soak import verdict
from tests.soak.campaign import UNSETTLED
from tests.soak.clients import Clients
from tests.soak.colleagues import Colleagues
from tests.soak.people import People
from tests.soak.servers import Servers, servers
from tests.soak.story import complete
from tests.soak.world import ABSENTEE, APPROVERS, DELEGATE, MULTIPLIER, World, world

PATIENCE: Final = 60.0
ADA, BEN, _ = APPROVERS


class Installation:
    """A server, and the people around it."""

    def __init__(self, world: World, servers: Servers) -> None:
        self.world, self._servers = world, servers
        self.clients = Clients(world, random.Random(1), runs=0)
        self.people = People(world, random.Random(2), self.clients)
        self.colleagues = Colleagues(world, random.Random(3), self.people)
        self._tokens = iter(range(10_000))

    async def start_server(self) -> None:
        assert await (await self._servers.fork()).becomes_ready()

    async def open_request(self, kind: str, *people: str) -> sqlite3.Row:
        """Start a run, and return its request once these people have their copies."""
        token = next(str(number) for number in self._tokens if self.clients.kind(str(number)) == kind)
        assert await self.clients.start(token)
        (run,) = self.world.evidence.starts[token]
        query = "SELECT * FROM request WHERE run = ?"
        await until(lambda: bool(self.world.rows(query, run)))
        (request,) = self.world.rows(query, run)
        await until(lambda: all(self.world.copy(email, request["id"]) for email in people))
        await self.rest()
        row: sqlite3.Row = request
        return row

    def hold(self, fault: str) -> None:
        """Let Slack hold all messages and edits from now on. A call that `hang`s has taken effect."""
        for method in ("chat.postMessage", "chat.update", "response_url"):
            if fault == "hang" or method != "response_url":
                self.world.slack.fault(method, fault, times=None, seconds=600)  # type: ignore[arg-type]

    async def kill_after(self, committed: str, *values: object) -> None:
        """Kill the server once this query has rows and Slack holds a call that follows, and start another one."""
        calls = self.world.slack.faults.used
        await until(lambda: bool(self.world.rows(committed, *values)) and bool(calls))
        await self._servers.kill()
        self.world.slack.faults.clear()
        calls.clear()
        # The leases of the server that was killed lapse.
        self._servers.step(60)
        await self.start_server()
        await self.rest()

    async def rest(self) -> None:
        await until(lambda: not self.world.rows(UNSETTLED))

    def words(self, email: str, request: str) -> str:
        """Return what the copy of a person says."""
        message = self.world.copy(email, request)
        assert message is not None
        return str(message.blocks)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 the condition is about tables and messages
            await asyncio.sleep(0.02)


@pytest.fixture
async def signoff(tmp_path: Path) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        soak_world = await stack.enter_async_context(world(tmp_path / "signoff.db"))
        running = await stack.enter_async_context(servers(tmp_path, soak_world.settings(), multiplier=MULTIPLIER))
        soak_world.ahead = lambda: running.ahead
        installation = Installation(soak_world, running)
        await installation.start_server()
        await installation.clients.register()
        yield installation


async def test_a_server_killed_after_a_commit_leaves_nothing_undone_or_done_twice(signoff: Installation) -> None:
    for fault in ("slow", "hang"):
        await vote_and_void(signoff, fault)
        await pass_on(signoff, fault)
        await signoff.colleagues.come_back(ABSENTEE)
    assert verdict.findings(complete(signoff.world)) == []


async def vote_and_void(signoff: Installation, fault: str) -> None:
    """Vote, and edit what was voted for; the server dies after the commit of each."""
    request = await signoff.open_request("all", *APPROVERS)
    signoff.hold(fault)
    await asyncio.gather(
        signoff.people.approve(ADA, request["id"]),
        signoff.kill_after("SELECT 1 FROM decision WHERE request = ?", request["id"]),
    )
    for email in APPROVERS:
        assert "1 of 3" in signoff.words(email, request["id"])
    signoff.hold(fault)
    await asyncio.gather(
        signoff.people.edit(BEN, request),
        signoff.kill_after("SELECT 1 FROM content_change WHERE request = ?", request["id"]),
    )
    for email in APPROVERS:
        assert "edited by ben@example.com" in signoff.words(email, request["id"])
    await signoff.people.approve(ADA, request["id"])
    await signoff.clients.decide(request, "approve", plainly=True)


async def pass_on(signoff: Installation, fault: str) -> None:
    """Pass a place on because its person is away; the server dies after the commit."""
    request = (await signoff.open_request("away", ADA, ABSENTEE))["id"]
    signoff.hold(fault)
    await signoff.colleagues.go_away(ABSENTEE, DELEGATE)
    assert signoff.world.evidence.absences[ABSENTEE]
    await signoff.kill_after("SELECT 1 FROM approver WHERE request = ? AND handed_to IS NOT NULL", request)
    assert "Kim Delegate" in signoff.words(ABSENTEE, request)
    assert "Kim Delegate" in signoff.words(ADA, request)
    assert signoff.world.copy(DELEGATE, request) is not None
