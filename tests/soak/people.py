"""Simulated people in Slack, who race each other and the terminal with clicks, modals and commands."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from bot.devtools.sandbox import CannotAct, NotSubmitted
from bot.devtools.sandbox.delivery import Ack
from bot.devtools.sandbox.server import SimulatedPerson
from bot.presentation import labels
from bot.slack import ids
from tests.soak.clients import Clients, edited_path, open_requests
from tests.soak.evidence import Claim
from tests.soak.world import APPROVERS, EVERYONE, OWNER, World, is_hasty

MODAL_SECONDS: Final = 3.0
CLEARED: Final = {"response_action": "clear"}


@dataclass
class People:
    """The people in Slack. They race the operator, who uses `terminal`."""

    world: World
    dice: random.Random
    terminal: Clients
    figures: Counter[str] = field(default_factory=Counter)
    modal_locks: dict[str, asyncio.Lock] = field(default_factory=lambda: {email: asyncio.Lock() for email in EVERYONE})
    """A person can have only one modal open at a time."""
    _count: int = 0

    # -- deciding --

    async def click_requests(self, email: str) -> None:
        """Decide open requests as this person, mostly with one click."""
        while not self.world.over.is_set():
            requests = [row for row in open_requests(self.world) if self._wants_to_decide(email, row)][:16]
            for row in self.dice.sample(requests, min(len(requests), 2)):
                await self._answer(email, row)
            await asyncio.sleep(self.dice.uniform(0.2, 1.5))

    def _wants_to_decide(self, email: str, row: sqlite3.Row) -> bool:
        """Return whether this person decides the request. They leave most hasty ones to their deadlines."""
        return not is_hasty(row["name"]) or random.Random(f"{email} {row['id']}").random() < 0.15

    async def _answer(self, email: str, row: sqlite3.Row) -> None:
        roll = self.dice.random()
        if roll < 0.55:
            await self.approve(email, row["id"])
        elif roll < 0.65:
            await asyncio.gather(*(self.approve(email, row["id"]) for _ in range(2)))
        elif roll < 0.85:
            await self.edit(email, row)
        else:
            await self.reject(email, row["id"])

    async def race(self) -> None:
        """Decide the same request from everywhere at the same time."""
        while not self.world.over.is_set():
            requests = [row for row in open_requests(self.world) if not is_hasty(row["name"])]
            for row in self.dice.sample(requests, min(len(requests), 1)):
                works: list[Coroutine[Any, Any, None]] = [self.approve(email, row["id"]) for email in APPROVERS]
                works += [self.terminal.decide(row), self.terminal.decide(row)]
                if self.dice.random() < 0.4:
                    works.append(self.reject(self.dice.choice(APPROVERS), row["id"]))
                self.dice.shuffle(works)
                self.figures["races"] += 1
                await asyncio.gather(*works)
            await asyncio.sleep(self.dice.uniform(0.3, 1.5))

    async def decide_late(self) -> None:
        """Decide about the moment at which a request expires."""
        while not self.world.over.is_set():
            now = self.world.now
            for row in open_requests(self.world):
                at = datetime.fromisoformat(row["expires_at"]).replace(tzinfo=UTC) if row["expires_at"] else None
                seconds_left = (at - now).total_seconds() if at else 60.0
                if -1.0 < seconds_left < 0.6 and self.dice.random() < 0.5:
                    await asyncio.sleep(max(0.0, seconds_left + self.dice.uniform(-0.2, 0.2)))
                    self.figures["at the last moment"] += 1
                    email = self.dice.choice(APPROVERS)
                    await asyncio.gather(self.approve(email, row["id"]), self.terminal.decide(row))
            await asyncio.sleep(0.2)

    async def approve(self, email: str, request: str) -> None:
        """Click on Approve."""
        ack = await self.click(email, request, ids.APPROVE, asks=("approve", {}))
        if ack is not None and ack.ok:
            self.figures["acknowledged clicks"] += 1
            self.world.record_acknowledged_click(request, email)
        elif ack is not None:
            self.figures["clicks that failed"] += 1

    async def edit(self, email: str, row: sqlite3.Row) -> None:
        """Approve with edits in a modal."""
        self._count += 1
        path = edited_path(row["at"])
        edits = {path: f"edited by {email}-{self._count}"}
        modal = self.open_modal(email, row["id"], ids.EDIT, ids.EDIT_MODAL)
        typed = {labels.in_words(path.rpartition(".")[2]): text for path, text in edits.items()}
        await self._submit(email, row["id"], modal, ("approve", edits), typed)

    async def reject(self, email: str, request: str) -> None:
        """Reject with a reason in a modal."""
        self._count += 1
        modal = self.open_modal(email, request, ids.REJECT, ids.REJECT_MODAL)
        await self._submit(email, request, modal, ("reject", {}), {"Reason": f"{email}-{self._count}"})

    async def _submit(
        self,
        email: str,
        request: str,
        modal: Coroutine[Any, Any, SimulatedPerson | None],
        asks: tuple[str, dict[str, str]],
        values: dict[str, str],
    ) -> None:
        async with self.modal_locks[email]:
            person = await modal
            if person is None:
                return
            verdict, edits = asks
            self._ask(request, email, asks)
            with suppress(CannotAct, NotSubmitted):
                ack = await person.submit(values)
                if ack.ok and ack.body == CLEARED:
                    self.figures["acknowledged modals"] += 1
                    await self._claim(request, email, verdict, edits)
            await close_modals(person)

    async def _claim(self, request: str, email: str, verdict: str, edits: dict[str, str]) -> None:
        """Record that a modal closed, which confirms this decision."""
        claim = Claim(how="modal", request=request, by=email, decision=None, verdict=verdict, edits=edits)
        self.world.evidence.claims.append(claim)

    async def open_modal(self, email: str, request: str, button: str, callback: str) -> SimulatedPerson | None:
        """Open a modal, and return the person who sees it, or None if it did not open."""
        person = self.world.person(email)
        await close_modals(person)
        ack = await self.click(email, request, button)
        if ack is None or not ack.ok:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(MODAL_SECONDS):
                while (person.modal or {}).get("callback_id") != callback:  # noqa: ASYNC110 it cannot be awaited
                    await asyncio.sleep(0.02)
                return person
        self.figures["modals that never opened"] += 1
        return None

    async def click(
        self, email: str, request: str, button: str, *, asks: tuple[str, dict[str, str]] | None = None
    ) -> Ack | None:
        """Click a button on a copy, even if the copy changes meanwhile. Return None if there is no such button."""
        message = self.world.copy(email, request)
        if message is None:
            return None
        person = self.world.person(email)
        shown_message = person.render(message)
        if asks is not None:
            self._ask(request, email, asks)
        try:
            return await person.click(button, on=shown_message, stale=True)
        except CannotAct:
            return None

    def _ask(self, request: str, email: str, asks: tuple[str, dict[str, str]]) -> None:
        verdict, edits = asks
        self.world.evidence.asked.add((request, email, verdict, json.dumps(edits)))

    # -- starting --

    async def start_runs(self, first: int) -> None:
        """Start runs with commands, each only once, because a start without an answer may have succeeded."""
        cleo, number = self.world.person(OWNER), first
        while not self.world.over.is_set():
            number += 1
            self.world.evidence.starts[f"s{number}"]
            channel = "general" if self.dice.random() < 0.3 else None
            kind = self.terminal.kind(f"s{number}")
            ack = await cleo.command(f"/signoff run {kind} token=s{number}", channel=channel)
            if ack.ok and not ack.body:
                self.figures["starts in Slack"] += 1
                self.world.evidence.started.add(f"s{number}")
            await asyncio.sleep(self.dice.uniform(2, 6))


async def close_modals(person: SimulatedPerson) -> None:
    """Close all open modals."""
    with suppress(CannotAct):
        await person.close(everything=True)
