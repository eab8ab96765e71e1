"""Who uses Slack: signed clicks, modals and commands, racing each other and the terminal."""

from __future__ import annotations

import asyncio
import json
import random
import re
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
from bot.slack import ids
from tests.soak.clients import Clients, edited_path, open_requests
from tests.soak.evidence import Claim
from tests.soak.world import APPROVERS, OWNER, World

MODAL_SECONDS: Final = 3.0
CLEARED: Final = {"response_action": "clear"}
_STARTED: Final = re.compile(r"(?:Started|started already)\b.*?: run (\w+)")


@dataclass
class People:
    """`terminal`: through which they race."""

    world: World
    dice: random.Random
    terminal: Clients
    figures: Counter[str] = field(default_factory=Counter)
    _hands: dict[str, asyncio.Lock] = field(
        default_factory=lambda: {one: asyncio.Lock() for one in (*APPROVERS, OWNER)}
    )
    """One person has one modal open at a time."""
    _count: int = 0

    # -- deciding --

    async def clicking(self, email: str) -> None:
        """Somebody answers what they find, most of it with one click."""
        while not self.world.over.is_set():
            found = [row for row in open_requests(self.world) if self._minds(email, row)][:16]
            for row in self.dice.sample(found, min(len(found), 2)):
                await self._answer(email, row)
            await asyncio.sleep(self.dice.uniform(0.2, 1.5))

    def _minds(self, email: str, row: sqlite3.Row) -> bool:
        """Most of what expires soon is left to its clock, or to those who come late."""
        brief = row["name"].startswith("brief")
        return not brief or random.Random(f"{email} {row['id']}").random() < 0.15

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

    async def racing(self) -> None:
        """All at the same instant."""
        while not self.world.over.is_set():
            found = [row for row in open_requests(self.world) if not row["name"].startswith("brief")]
            for row in self.dice.sample(found, min(len(found), 1)):
                works: list[Coroutine[Any, Any, None]] = [self.approve(email, row["id"]) for email in APPROVERS]
                works += [self.terminal.decide(row), self.terminal.decide(row)]
                if self.dice.random() < 0.4:
                    works.append(self.reject(self.dice.choice(APPROVERS), row["id"]))
                self.dice.shuffle(works)
                self.figures["races"] += 1
                await asyncio.gather(*works)
            await asyncio.sleep(self.dice.uniform(0.3, 1.5))

    async def coming_late(self) -> None:
        """Decide about the moment at which a request expires."""
        while not self.world.over.is_set():
            now = self.world.now
            for row in open_requests(self.world):
                at = datetime.fromisoformat(row["expires_at"]).replace(tzinfo=UTC) if row["expires_at"] else None
                left = (at - now).total_seconds() if at else 60.0
                if -1.0 < left < 0.6 and self.dice.random() < 0.5:
                    await asyncio.sleep(max(0.0, left + self.dice.uniform(-0.2, 0.2)))
                    self.figures["at the last moment"] += 1
                    email = self.dice.choice(APPROVERS)
                    await asyncio.gather(self.approve(email, row["id"]), self.terminal.decide(row))
            await asyncio.sleep(0.2)

    async def approve(self, email: str, request: str) -> None:
        """One click."""
        ack = await self._click(email, request, ids.APPROVE, asks=("approve", {}))
        if ack is not None and ack.ok:
            self.figures["acknowledged clicks"] += 1
            self.world.acknowledged(request, email)
        elif ack is not None:
            self.figures["clicks that failed"] += 1

    async def edit(self, email: str, row: sqlite3.Row) -> None:
        """Approve with other words."""
        self._count += 1
        path = edited_path(row["at"])
        edits = {path: f"edited by {email}-{self._count}"}
        opened = self._modal(email, row["id"], ids.EDIT, ids.EDIT_MODAL)
        await self._submit(email, row["id"], opened, ("approve", edits), edits)

    async def reject(self, email: str, request: str) -> None:
        """With a reason."""
        self._count += 1
        opened = self._modal(email, request, ids.REJECT, ids.REJECT_MODAL)
        await self._submit(email, request, opened, ("reject", {}), {"Reason": f"{email}-{self._count}"})

    async def _submit(
        self,
        email: str,
        request: str,
        opened: Coroutine[Any, Any, SimulatedPerson | None],
        asks: tuple[str, dict[str, str]],
        values: dict[str, str],
    ) -> None:
        async with self._hands[email]:
            person = await opened
            if person is None:
                return
            verdict, edits = asks
            self._ask(request, email, asks)
            with suppress(CannotAct, NotSubmitted):
                ack = await person.submit(values)
                if ack.ok and ack.body == CLEARED:
                    self.figures["acknowledged modals"] += 1
                    await self._claim(request, email, verdict, edits)
            await _put_away(person)

    async def _claim(self, request: str, email: str, verdict: str, edits: dict[str, str]) -> None:
        """A modal that closed says that this very decision counts."""
        claim = Claim(how="modal", request=request, by=email, decision=None, verdict=verdict, edits=edits)
        self.world.evidence.claims.append(claim)

    async def _modal(self, email: str, request: str, button: str, callback: str) -> SimulatedPerson | None:
        """Open a modal; the person who has it before them."""
        person = self.world.person(email)
        await _put_away(person)
        ack = await self._click(email, request, button)
        if ack is None or not ack.ok:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(MODAL_SECONDS):
                while (person.modal or {}).get("callback_id") != callback:  # noqa: ASYNC110 it cannot be awaited
                    await asyncio.sleep(0.02)
                return person
        self.figures["modals that never opened"] += 1
        return None

    async def _click(
        self, email: str, request: str, button: str, *, asks: tuple[str, dict[str, str]] | None = None
    ) -> Ack | None:
        """A click on somebody's copy, even if it changes while they click. None: there is none with such a button."""
        message = self.world.copy(email, request)
        if message is None:
            return None
        person = self.world.person(email)
        seen = person.shown(message)
        if asks is not None:
            self._ask(request, email, asks)
        try:
            return await person.click(button, on=seen, stale=True)
        except CannotAct:
            return None

    def _ask(self, request: str, email: str, asks: tuple[str, dict[str, str]]) -> None:
        verdict, edits = asks
        self.world.evidence.asked.add((request, email, verdict, json.dumps(edits)))

    # -- starting --

    async def starting(self, first: int) -> None:
        """Start runs by commands, each once: whether one that got no answer has begun is not known."""
        cleo, number = self.world.person(OWNER), first
        while not self.world.over.is_set():
            number += 1
            self.world.evidence.starts[f"s{number}"]
            place = "general" if self.dice.random() < 0.3 else None
            kind = self.terminal.kind(f"s{number}")
            ack = await cleo.command(f"/signoff run {kind} token=s{number}", channel=place)
            found = _STARTED.search(str(ack.body)) if ack.ok else None
            if found is not None:
                self.figures["starts in Slack"] += 1
                self.world.evidence.starts[f"s{number}"].add(found[1])
            await asyncio.sleep(self.dice.uniform(2, 6))


async def _put_away(person: SimulatedPerson) -> None:
    """Close every modal that is open, if one is."""
    with suppress(CannotAct):
        await person.close(everything=True)
