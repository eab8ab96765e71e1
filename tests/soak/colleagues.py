"""Simulated people in Slack who go away and come back, ask and answer questions, and pass requests on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from bot.devtools.sandbox import CannotAct, NotSubmitted
from bot.devtools.sandbox.server import SimulatedPerson
from bot.slack import ids
from engine.json_values import Value
from tests.soak.clients import open_requests
from tests.soak.evidence import Asking, Passing
from tests.soak.people import CLEARED, MODAL_SECONDS, People, close_modals
from tests.soak.world import ABSENTEE, APPROVERS, DELEGATE, OPERATOR, OWNER, PAUSING, TOGETHER, World

UNANSWERED: Final = (
    "SELECT question.id, question.request, address.value AS email FROM question "
    "JOIN address ON address.person = question.asked_to JOIN request ON request.id = question.request "
    "WHERE question.answered_at IS NULL AND request.state = 'pending' AND address.kind = 'email'"
)
AWAY: Final = "/signoff away until tomorrow"
BACK_ON: Final = "Back on"
"""The label of an input."""
TRIES: Final = 5
"""How often a person says something before they give up."""
LEFT_OPEN: Final = ("0", "1")
"""Last letters of the texts of questions that no person answers."""


@dataclass
class Colleagues:
    """The people. `people` are the same ones, who decide."""

    world: World
    dice: random.Random
    people: People
    figures: Counter[str] = field(default_factory=Counter)
    _seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """How the absentee saw each request first: what a client shows that is not up to date."""
    _count: int = 0

    def works(self) -> list[Any]:
        """Return everything that they do at the same time."""
        asking, answering = self.ask_questions(), self.answer_questions()
        absences = [self.come_and_go(), self.interrupt(), self.leave_terminal(), self.click_late()]
        return [*absences, asking, answering, self.pass_on()]

    # -- absences --

    async def come_and_go(self) -> None:
        """Let the absentee be away and back in turn, mostly with a delegate."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(0.5, 3))
            await self.go_away(ABSENTEE, self.dice.choice((DELEGATE, DELEGATE, DELEGATE, "")))
            await asyncio.sleep(self.dice.uniform(0.5, 4))
            await self.come_back(ABSENTEE)

    async def interrupt(self) -> None:
        """Let the delegate be away too for a moment, with the absentee in her place: they name each other."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(8, 20))
            await self.go_away(DELEGATE, ABSENTEE)
            await asyncio.sleep(self.dice.uniform(0.5, 4))
            await self.come_back(DELEGATE)

    async def leave_terminal(self) -> None:
        """Let the operator be away for a moment now and then, with a command in the terminal."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(8, 20))
            await self._leave_for_a_day()
            await asyncio.sleep(self.dice.uniform(0.2, 2))
            for _ in range(TRIES):
                if await self.world.ask("back", {}) is not None or self.world.over.is_set():
                    break

    async def _leave_for_a_day(self) -> None:
        arguments: dict[str, Value] = {
            "ends_at": (self.world.now + timedelta(days=1)).isoformat(),
            "delegate": DELEGATE,
        }
        for _ in range(TRIES):
            reply = await self.world.ask("away", arguments)
            self.figures["absences asked for"] += 1
            if reply is not None and reply.refused is None:
                self.world.evidence.absences[OPERATOR] += 1
                return
            self.figures["absences refused"] += reply is not None
            if self.world.over.is_set():
                return

    async def go_away(self, email: str, delegate: str = "") -> None:
        """Say that a person is away, in the form if a delegate has to be chosen."""
        for _ in range(TRIES):
            self.figures["absences asked for"] += 1
            said = await (self._fill_in_absence(email, delegate) if delegate else self._type(email, AWAY))
            if "You are away" in said:
                self.world.evidence.absences[email] += 1
            else:
                self.figures["absences refused"] += bool(said)
            if said or self.world.over.is_set():
                return

    async def come_back(self, email: str) -> None:
        """Type that a person is back."""
        for _ in range(TRIES):
            if await self._type(email, "/signoff back") or self.world.over.is_set():
                return

    async def _type(self, email: str, command: str) -> str:
        """Type a command, and return the answer, or nothing if there was none."""
        ack = await self.world.person(email).command(command)
        return str(ack.body) if ack.ok else ""

    async def _fill_in_absence(self, email: str, delegate: str) -> str:
        """Fill in the form for an absence, and return the answer, or nothing if there was none."""
        person, back_on = self.world.person(email), (self.world.now + timedelta(days=2)).date().isoformat()
        async with self.people.modal_locks[email]:
            await close_modals(person)
            with suppress(CannotAct, NotSubmitted, TimeoutError):
                await person.command("/signoff away")
                await _shows(person, ids.AWAY_MODAL)
                ack = await person.submit({BACK_ON: back_on, ids.PERSON_BLOCK: self.world.person(delegate).id})
                return str(ack.body) if ack.ok else ""
            await close_modals(person)
        return ""

    async def click_late(self) -> None:
        """Let the absentee click on what her copies showed first, also after her place was passed on."""
        ida = self.world.person(ABSENTEE)
        while not self.world.over.is_set():
            for row in open_requests(self.world):
                message = self.world.copy(ABSENTEE, row["id"])
                if message is not None:
                    self._seen.setdefault(row["id"], ida.render(message))
            seen = [request for request in self._seen if self.dice.random() < 0.3][-3:]
            for request in seen:
                await self.click_seen(request)
            await asyncio.sleep(self.dice.uniform(0.5, 2))

    async def click_seen(self, request: str) -> None:
        """Click on Approve as the copy showed it first."""
        self.world.evidence.asked.add((request, ABSENTEE, "approve", "{}"))
        with suppress(CannotAct):
            ack = await self.world.person(ABSENTEE).click(ids.APPROVE, on=self._seen[request], stale=True)
            self.figures["clicks of a person who may be away"] += bool(ack is not None and ack.ok)

    # -- questions --

    async def ask_questions(self) -> None:
        """Ask questions about open requests, in Slack and in the terminal."""
        while not self.world.over.is_set():
            rows = [row for row in open_requests(self.world) if row["name"] == PAUSING or self.dice.random() < 0.1]
            for row in self.dice.sample(rows, min(len(rows), 2)):
                by, to = self.dice.sample([*APPROVERS], 2)
                await self.ask(by, row["id"], self.dice.choice((to, OWNER)))
            await asyncio.sleep(self.dice.uniform(0.2, 1.5))

    async def ask(self, by: str, request: str, to: str) -> None:
        """Ask one question, as the operator in the terminal."""
        self._count += 1
        text = f"Why {by} {self._count}?"
        if by == OPERATOR:
            reply = await self.world.ask("question", {"request": request, "text": text, "to": to})
            asked = reply is not None and reply.refused is None
        else:
            values = {ids.TEXT_BLOCK: text, ids.PERSON_BLOCK: self.world.person(to).id}
            asked = "has been asked" in await self._submit(by, request, (ids.ASK, ids.ASK_MODAL), values)
        if asked:
            self.world.evidence.askings.append(Asking(request=request, text=text, is_answer=False))

    async def answer_questions(self) -> None:
        """Answer questions a moment later, except some."""
        while not self.world.over.is_set():
            rows = [row for row in self.world.rows(UNANSWERED) if not row["id"].endswith(LEFT_OPEN)]
            for row in self.dice.sample(rows, min(len(rows), 3)):
                await self.answer(row["email"], row["request"], row["id"])
            await asyncio.sleep(self.dice.uniform(0.2, 2))

    async def answer(self, by: str, request: str, question: str) -> None:
        """Answer one question in the message that asks it, or as the operator in the terminal."""
        self._count += 1
        text = f"Because {by} {self._count}."
        if by == OPERATOR:
            reply = await self.world.ask("answer", {"request": request, "question": question, "text": text})
            answered = reply is not None and reply.refused is None
        else:
            form = (ids.ANSWER, ids.ANSWER_MODAL)
            answered = await self._submit(by, question, form, {ids.TEXT_BLOCK: text}) == str(CLEARED)
        if answered:
            self.world.evidence.askings.append(Asking(request=question, text=text, is_answer=True))

    # -- passing on --

    async def pass_on(self) -> None:
        """Pass places on in Slack now and then."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(1, 4))
            rows = [row for row in open_requests(self.world) if row["name"] in TOGETHER]
            for row in self.dice.sample(rows, min(len(rows), 1)):
                by = self.dice.choice((*APPROVERS, ABSENTEE))
                await self.pass_one_on(by, row["id"], self.dice.choice((DELEGATE, OWNER)))

    async def pass_one_on(self, by: str, request: str, to: str) -> None:
        """Pass a place on, with a reason."""
        self._count += 1
        reason = f"{by} cannot {self._count}"
        values = {ids.PERSON_BLOCK: self.world.person(to).id, "Reason": reason}
        details = (ids.DETAILS, ids.DETAILS_MODAL, ids.HAND_ON, ids.SUCCESSION_MODAL)
        if "gets a message now" in await self._submit(by, request, details, values):
            self.world.evidence.passings.append(Passing(request=request, reason=reason))

    # -- forms --

    async def _submit(self, email: str, about: str, buttons: Sequence[str], values: dict[str, str]) -> str:
        """Open a form by a button of a message, and perhaps by another one in it, and send it. Return the answer.

        `buttons`: each button, followed by the form that it opens.
        """
        async with self.people.modal_locks[email]:
            person = await self.people.open_modal(email, about, buttons[0], buttons[1])
            if person is None:
                return ""
            with suppress(CannotAct, NotSubmitted, TimeoutError):
                if len(buttons) > 2:
                    await person.click(buttons[2], on="modal")
                    await _shows(person, buttons[3])
                ack = await person.submit(values)
                if ack.ok:
                    return str(ack.body)
            await close_modals(person)
        return ""


async def _shows(person: SimulatedPerson, callback: str) -> None:
    """Wait for a form. Raises `TimeoutError`."""
    async with asyncio.timeout(MODAL_SECONDS):
        while (person.modal or {}).get("callback_id") != callback:  # noqa: ASYNC110 it cannot be awaited
            await asyncio.sleep(0.02)
