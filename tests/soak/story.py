"""A short story of a few runs, each with another end, as sound evidence for the tests of the checks."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from bot import app, loaded_settings
from bot.app_parts import AppOptions
from bot.slack.rate_limit import RateLimiter
from engine.domain import DEFAULT_WORKSPACE
from engine.store import audit_log, schema
from engine.system import SystemClock
from tests.soak import evidence as slack_evidence
from tests.soak.campaign import NEXTS, UNSETTLED
from tests.soak.clients import SHORT, Clients
from tests.soak.colleagues import Colleagues
from tests.soak.evidence import Evidence
from tests.soak.people import People
from tests.soak.world import ABSENTEE, APPROVERS, DELEGATE, MULTIPLIER, OWNER, World, world
from tests.support.fakes import FakeClock

PATIENCE: Final = 30.0


class Story:
    """Performs a few runs, each with another end."""

    def __init__(self, world: World, clock: FakeClock) -> None:
        self.world, self.clock = world, clock
        self.clients = Clients(world, random.Random(1), runs=0)
        self.people = People(world, random.Random(2), self.clients)
        self.colleagues = Colleagues(world, random.Random(3), self.people)
        self._tokens = iter(range(10_000))
        world.ahead = lambda: (clock.now() - SystemClock().now()).total_seconds()

    async def perform(self) -> None:
        await self.clients.register()
        await self._approve_a_run()
        await self._approve_together()
        await self._edit_a_run()
        await self._void_an_approval()
        await self._run_short()
        await self._pass_on()
        await self._ask()
        await self._end_other_runs()
        for _ in range(2):
            self.clock.pass_time(timedelta(seconds=90))
            await self._until(lambda: not self._due())
        await self._until(lambda: not self._unsettled())

    async def _approve_a_run(self) -> None:
        request = await self._start_run("sure")
        await self.people.approve("ada@example.com", request["id"])
        after = await self._open_request(request["run"])
        await self.clients.decide(after, "approve", plainly=True)

    async def _approve_together(self) -> None:
        """Two approve; the operator, who started it, is left out."""
        request = await self._start_run("two", by=("ada@example.com", "ben@example.com"))
        await self.people.approve("ada@example.com", request["id"])
        await self.people.approve("ben@example.com", request["id"])
        await self._until(lambda: all(row["id"] != request["id"] for row in self._pending()))

    async def _edit_a_run(self) -> None:
        request = await self._start_run("unsure")
        await self.people.edit("ben@example.com", request)
        after = await self._open_request(request["run"])
        await self.people.reject("lee@example.com", after["id"])

    async def _void_an_approval(self) -> None:
        request = await self._start_run("all")
        await self.people.approve("ada@example.com", request["id"])
        await self.people.edit("ben@example.com", request)
        await self._wait_for_updates()
        await self.people.approve("ada@example.com", request["id"])
        await self.clients.decide(request, "approve", plainly=True)
        await self._until(lambda: all(row["id"] != request["id"] for row in self._pending()))

    async def _run_short(self) -> None:
        """All who may approve but one have changed the content: its owner is told, and cancels the run."""
        request = await self._start_run("strict", by=("ada@example.com", "ben@example.com"))
        await self.people.edit("ben@example.com", request)
        await self._wait_for_copies(request["id"], [OWNER])
        await self.people.edit(OWNER, request)
        await self._until(lambda: bool(self.world.rows("SELECT 1 FROM delivery WHERE topic = 'short'")))
        await self._wait_for_updates()
        await self.people.approve("ada@example.com", request["id"])
        await self._until(lambda: bool(self.world.rows(SHORT)))
        await self.clients.cancel_short()

    async def _pass_on(self) -> None:
        """One approver is away, and another passes her place on; their delegates approve."""
        request = await self._start_run("away", by=("ada@example.com", ABSENTEE))
        await self.colleagues.go_away(ABSENTEE, DELEGATE)
        await self._wait_for_copies(request["id"], [DELEGATE])
        await self.colleagues.pass_one_on("ada@example.com", request["id"], OWNER)
        await self._wait_for_copies(request["id"], [OWNER])
        await self.people.approve(DELEGATE, request["id"])
        await self.people.approve(OWNER, request["id"])
        await self._until(lambda: all(row["id"] != request["id"] for row in self._pending()))

    async def _ask(self) -> None:
        """A question waits for some seconds; backups are asked, and people are reminded, after some more."""
        request = await self._start_run("asked")
        await self.colleagues.ask("ada@example.com", request["id"], OWNER)
        question = "SELECT id FROM question"
        await self._until(lambda: all(self.world.copy(OWNER, row["id"]) for row in self.world.rows(question)))
        self.clock.pass_time(timedelta(seconds=5))
        (asked,) = self.world.rows(question)
        await self.colleagues.answer(OWNER, request["id"], asked["id"])
        for kind in ("slow", "slow-again"):
            await self._start_run(kind)

    async def _end_other_runs(self) -> None:
        pause = await self._start_run("pause")
        await self.people.approve("ada@example.com", pause["id"])
        await self._until(lambda: bool(self.world.rows("SELECT 1 FROM step_run WHERE wakes_at IS NOT NULL")))
        await self._start_run("brief")
        await self._start_run("brief-go")
        await self.clients.cancel((await self._start_run("sure"))["run"])
        waits = await self._start_run("sure")
        cleo = self.world.person(OWNER)
        self.world.evidence.starts["s1"]
        await cleo.command("/signoff run sure token=s1")
        await self._until(lambda: len(self._pending()) == 7)
        (started,) = [row for row in self._pending() if row["name"] == "sure" and row["run"] != waits["run"]]
        await self._wait_for_copies(started["id"])
        await self.people.reject("ben@example.com", started["id"])

    async def _start_run(self, kind: str, *, by: Sequence[str] = APPROVERS) -> sqlite3.Row:
        token = next(str(number) for number in self._tokens if self.clients.kind(str(number)) == kind)
        assert await self.clients.start(token)
        (run,) = self.world.evidence.starts[token]
        return await self._open_request(run, by=by)

    async def _open_request(self, run: str, *, by: Sequence[str] = APPROVERS) -> sqlite3.Row:
        await self._until(lambda: any(row["run"] == run for row in self._pending()))
        (request,) = [row for row in self._pending() if row["run"] == run]
        await self._wait_for_copies(request["id"], by)
        return request

    async def _wait_for_copies(self, request: str, people: Sequence[str] = APPROVERS) -> None:
        await self._until(lambda: all(self.world.copy(email, request) for email in people))

    async def _wait_for_updates(self) -> None:
        outdated = "SELECT 1 FROM delivery WHERE shown_version != wanted_version"
        await self._until(lambda: not self.world.rows(outdated))

    def _pending(self) -> list[sqlite3.Row]:
        return self.world.evidence.rows(
            "SELECT request.*, workflow.name FROM request JOIN run ON run.id = request.run "
            "JOIN workflow ON workflow.id = run.workflow WHERE request.state = 'pending'"
        )

    def _due(self) -> list[sqlite3.Row]:
        now = self.clock.now().replace(tzinfo=None).isoformat(" ", "microseconds")
        return [row for row in self.world.evidence.rows(NEXTS) if row["at"] <= now]

    def _unsettled(self) -> list[sqlite3.Row]:
        return self.world.evidence.rows(UNSETTLED)

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 the condition is about tables
                await asyncio.sleep(0.02)


async def collect_evidence(database: Path) -> Evidence:
    """Perform the story on a new database, and return what it left."""
    clock = FakeClock()
    async with world(database) as soak_world:
        loaded = loaded_settings.load(soak_world.settings())
        options = AppOptions(
            settings=loaded,
            environment={},
            console=Console(quiet=True),
            clock=clock,
            slack_limiter=RateLimiter(multiplier=MULTIPLIER),
        )
        async with app.open_server(options):
            await Story(soak_world, clock).perform()
        return complete(soak_world)


def complete(soak_world: World) -> Evidence:
    """Return the evidence of a world whose servers are at rest."""
    evidence = soak_world.evidence
    with schema.reading(evidence.database) as connection:
        evidence.export = "".join(f"{line}\n" for line in audit_log.export(connection, DEFAULT_WORKSPACE))
    evidence.messages = list(slack_evidence.messages(soak_world.slack.world))
    evidence.ended_at = soak_world.now.replace(tzinfo=None).isoformat(" ", "microseconds")
    return evidence
