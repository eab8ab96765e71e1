"""Simulated operators on the local socket, who start, decide, cancel and resume."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.json_values import Value
from tests.soak.evidence import Claim
from tests.soak.world import KINDS, OPERATOR, OWNER, World, is_hasty, left_waiting, workflow

PENDING: Final = (
    "SELECT request.id, request.run, request.at, request.expires_at, workflow.name FROM request "
    "JOIN run ON run.id = request.run JOIN workflow ON workflow.id = run.workflow "
    "WHERE request.state = 'pending' ORDER BY request.id"
)
STUCK: Final = "SELECT id FROM run WHERE status = 'needs_attention' AND cancel IS NULL"
SHORT: Final = (
    "SELECT request.id, request.run FROM request WHERE request.state = 'pending' AND NOT EXISTS "
    "(SELECT 1 FROM approver WHERE approver.request = request.id AND approver.pending) ORDER BY request.id"
)
"""The open requests that no approver is left to decide, because each of them approved or changed it."""
HANDED_ON: Final = frozenset({"all", "chain"})
"""Workflows in which the operator passes her place on now and then."""
AT_ONCE: Final = 24
"""Maximum number of starts that are under way at the same time."""


def open_requests(world: World) -> list[sqlite3.Row]:
    """Return the open requests, except those that all clients leave waiting."""
    return [row for row in world.rows(PENDING) if not left_waiting(row["run"])]


def edited_path(at: str) -> str:
    """Return the path of the editable field of a request."""
    return "json.text" if at == "before" else "text"


@dataclass
class Clients:
    """The operators. `runs` is the number of runs that they start; `begun` counts their decisions."""

    world: World
    dice: random.Random
    runs: int
    begun: int = 0
    asked: int = 0
    """Number of starts, answered or not."""
    unanswered: int = 0
    refused: int = 0
    handed_on: int = 0
    kinds: Sequence[str] = (*KINDS,)
    """The workflows that are registered."""
    _chosen: dict[str, str] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    # -- starting --

    async def register(self) -> None:
        """Register the workflows."""
        for name in self.kinds:
            source = workflow(name, self.world.service.url)
            reply = await self.world.ask("register", {"source": source})
            assert reply is not None, name
            assert reply.refused is None, reply

    async def start_runs(self, seconds: float) -> None:
        """Start runs, evenly over this many seconds."""
        async with asyncio.TaskGroup() as group:
            for number in range(self.runs):
                await self._turns.acquire()
                self.asked += 1
                group.create_task(self._start_until_answered(number))
                await asyncio.sleep(self.dice.uniform(0.2, 1.4) * seconds / self.runs)

    async def _start_until_answered(self, number: int) -> None:
        """Repeat a start with the same key until it is answered, and sometimes once more."""
        try:
            while not self.world.over.is_set():
                if await self.start(str(number)):
                    if self.dice.random() < 0.1:
                        await self.start(str(number))
                    return
                await asyncio.sleep(0.2)
        finally:
            self._turns.release()

    def kind(self, token: str) -> str:
        """Return the workflow of a token, which is always the same."""
        kinds = [*self.kinds, "sure", "unsure", "unsure"]
        return self._chosen.setdefault(token, random.Random(f"kind {token}").choice(kinds))

    async def start(self, token: str) -> bool:
        """Start a run through the socket, and return whether the start was answered."""
        self.world.evidence.starts[token]
        arguments: dict[str, Value] = {"workflow": self.kind(token), "inputs": {"token": token}, "key": token}
        reply = await self.world.ask("start", arguments)
        if reply is None:
            self.unanswered += 1
            return False
        assert reply.refused is None, reply
        self.world.evidence.starts[token].add(str(reply.facts["run"]))
        return True

    # -- deciding --

    async def decide_requests(self) -> None:
        """Decide open requests as the operator, sometimes twice at once."""
        while not self.world.over.is_set():
            requests = [row for row in open_requests(self.world) if not is_hasty(row["name"])][:12]
            for row in self.dice.sample(requests, min(len(requests), 2)):
                if row["name"] in HANDED_ON and self.dice.random() < 0.3:
                    await self.hand_on(row["id"])
                await asyncio.gather(*(self.decide(row) for _ in range(self.dice.choice((1, 1, 2)))))
            await asyncio.sleep(self.dice.uniform(0.2, 1.2))

    async def decide(self, row: sqlite3.Row, verdict: str = "", *, plainly: bool = False) -> None:
        """Decide a request. With `plainly`, do not edit."""
        self.begun += 1
        token = f"{OPERATOR}-{self.begun}"
        verdict = verdict or ("reject" if self.dice.random() < 0.15 else "approve")
        edits = {edited_path(row["at"]): f"edited by {token}"}
        if plainly or verdict == "reject" or self.dice.random() < 0.6:
            edits = {}
        self.world.evidence.asked.add((row["id"], OPERATOR, verdict, json.dumps(edits)))
        arguments: dict[str, Value] = {"request": row["id"], "verdict": verdict, "edits": {**edits}, "reason": token}
        reply = await self.world.ask("decide", arguments)
        if reply is None:
            self.unanswered += 1
        elif reply.refused is not None:
            self.refused += 1
        else:
            decision = str(reply.facts["decision"])
            self.world.evidence.claims.append(
                Claim(how="socket", request=row["id"], by=OPERATOR, decision=decision, verdict=verdict, edits=edits)
            )

    async def hand_on(self, request: str) -> None:
        """Let the owner decide in the place of the operator."""
        reply = await self.world.ask("reassign", {"request": request, "to": OWNER, "reason": "I am away"})
        if reply is not None and reply.refused is None:
            self.handed_on += 1

    # -- cancelling and resuming --

    async def cancel_runs(self) -> None:
        """Cancel some runs at any point, with a command in Slack or through the socket."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(2, 7))
            runs = self.world.rows("SELECT id FROM run WHERE ended_at IS NULL AND cancel IS NULL")
            if runs:
                run = self.dice.choice(runs)["id"]
                await (self.cancel(run) if self.dice.random() < 0.5 else self._cancel_in_slack(run))

    async def cancel(self, run: str) -> None:
        """Cancel a run through the socket."""
        reply = await self.world.ask("cancel", {"run": run, "reason": "changed my mind"})
        if reply is not None and reply.refused is None:
            self.world.evidence.cancelled.add(run)

    async def cancel_short(self) -> None:
        """Cancel the runs whose requests no approver is left to decide, as their owner is told to."""
        for row in self.world.tables.rows(SHORT):
            await self.cancel(row["run"])

    async def _cancel_in_slack(self, run: str) -> None:
        ack = await self.world.person(OWNER).command(f"/signoff cancel {run}")
        if ack.ok and "You cancelled this run" in str(ack.body):
            self.world.evidence.cancelled.add(run)

    async def attend_runs(self) -> None:
        """Answer for every step of unknown outcome."""
        while not self.world.over.is_set():
            for row in self.world.rows(STUCK):
                await self.attend(row["id"])
            await asyncio.sleep(0.5)

    async def attend(self, run: str, *, in_terminal: bool = False) -> None:
        """Answer for a step of unknown outcome. With `in_terminal`, use the socket and not Slack."""
        if self.world.service.count(run):
            output: Value = {"status": 200, "headers": {}, "body": {"receipt": 0}}
            await self.world.ask("resume", {"run": run, "answer": "done", "output": output})
            return
        stop = not in_terminal and self.dice.random() < 0.2
        message = self.world.copy(OWNER, run)
        if stop:
            self.world.evidence.stopped.add(run)
        else:
            self.world.evidence.repeats[run] += 1
        if message is None or in_terminal or self.dice.random() < 0.5:
            await self.world.ask("resume", {"run": run, "answer": "stop" if stop else "repeat"})
        else:
            cleo = self.world.person(OWNER)
            await cleo.click("Stop the run" if stop else "It did not happen", on=cleo.render(message), stale=True)
