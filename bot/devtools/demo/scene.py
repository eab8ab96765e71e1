"""Actions and expectations of the story. Each action is printed, and the server must acknowledge it in time."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bot.devtools.demo import visible_text
from bot.devtools.demo.narration import ClaimFailed, Narrator
from bot.devtools.demo.payments import Refund
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.sandbox import CannotAct
from bot.devtools.sandbox.server import Ack, SimulatedPerson
from engine.domain import RunStatus
from engine.read_models import PageQuery

UserAct: TypeAlias = Coroutine[Any, Any, Ack | None]
APPROVERS: Final = ("ada", "ben")
CHANNEL: Final = "general"
"""The channel in which cleo types her commands and gets messages about her runs."""
PAY: Final = "Pay the refund"
REJECT: Final = "Do not pay"
EDIT: Final = "Edit"
NAMES: Final = {"ada": "Ada Approver", "ben": "Ben Approver", "cleo": "Cleo Builder"}


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A run with a pending request. `copies`: the message of each approver when the request was posted."""

    run: str
    order: str
    copies: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Scene:
    """The environment of the story, and the narrator who prints it."""

    env: DemoEnvironment
    narrator: Narrator

    def person(self, name: str) -> SimulatedPerson:
        return self.env.slack.person(name)

    # -- actions --

    async def act(self, person: str, description: str, act: UserAct) -> Ack:
        """Perform an action of a person. Raises `ClaimFailed` if it is impossible or not acknowledged."""
        # The coroutine is closed even if the line cannot be printed because the reader of our output is gone.
        with closing(act):
            self.narrator.line(person, description)
            return await await_ack(person, act)

    async def open_modal(self, person: str, description: str, act: UserAct, *, title: str) -> dict[str, Any]:
        """Perform an action that opens a modal, and return the modal."""
        await self.act(person, description, act)
        return await self.narrator.wait_for(f"the modal “{title}” opens", lambda: self._modal(person, title))

    def _modal(self, person: str, title: str) -> dict[str, Any] | None:
        modal = self.person(person).modal
        return modal if modal is not None and visible_text.words(modal["title"]) == title else None

    async def type_command(self, line: str) -> None:
        """Type a command as cleo."""
        await self.act("cleo", f"types {line}", self.person("cleo").command(line, channel=CHANNEL))

    # -- runs --

    async def start_run(self, workflow: str, order: str, *, amount: str, why: str, vip: bool = False) -> str:
        """Start a run as cleo with one line, and return its id."""
        vip_input = " vip=yes" if vip else ""
        line = f'/signoff run {workflow} order={order} amount={amount} reason="{why}"{vip_input}'
        before = len(self.ephemeral_texts("cleo"))
        await self.type_command(line)
        return await self.expect_start(before)

    async def expect_start(self, before: int) -> str:
        """Wait until cleo is told that her run has started, and return its id. `before`: how often she was answered."""
        reply = await self.expect_answer(before)
        if not reply.endswith("You'll get a message here when it's done."):
            raise ClaimFailed("cleo is told that her run has started", reply)
        (run,) = await self.env.app.engine.runs(PageQuery(limit=1))
        return run.id

    async def expect_answer(self, before: int) -> str:
        """Wait until cleo gets one more answer that only she sees, and return it."""
        reply = await self.narrator.wait_for(
            "cleo gets an answer", lambda: next(iter(self.ephemeral_texts("cleo")[before:]), None)
        )
        self.narrator.line("cleo", f"sees “{reply}”")
        return reply

    async def expect_request(self, run: str, order: str) -> ShownRequest:
        """Wait until both approvers have a copy with buttons, and check that nothing is paid yet."""
        copies = await self.narrator.wait_for(
            f"ada and ben are asked about order {order}",
            lambda: copies if len(copies := self._open_copies(order)) == len(APPROVERS) else None,
        )
        buttons = "] [".join(visible_text.decision_buttons(copies["ada"]))
        self.narrator.line("ada, ben", f"see “{visible_text.question(copies['ada'])}” [{buttons}]")
        self.narrator.claim(
            "the gate is open, and nothing is paid while it is", not self.paid(order), actual=self.paid(order)
        )
        return ShownRequest(run, order, copies)

    def _open_copies(self, order: str) -> dict[str, dict[str, Any]]:
        copies = {name: self.copy(name, order) for name in APPROVERS}
        return {name: copy for name, copy in copies.items() if copy is not None and visible_text.decision_buttons(copy)}

    async def request_refund(
        self, workflow: str, order: str, *, amount: str, why: str, vip: bool = False
    ) -> ShownRequest:
        """Start a run as cleo, and wait until the approvers have their copies."""
        return await self.expect_request(await self.start_run(workflow, order, amount=amount, why=why, vip=vip), order)

    # -- messages --

    def copy(self, name: str, order: str) -> dict[str, Any] | None:
        """Return the current message about an order in a person's conversation with the app."""
        return next((copy for copy in self.person(name).sees() if is_about(visible_text.question(copy), order)), None)

    async def expect_closed(self, name: str, order: str, *texts: str) -> None:
        """Wait until a person's copy has all these texts and can no longer be decided."""

        def look() -> str | None:
            copy = self.copy(name, order) or {}
            words = visible_text.words(copy)
            return words if all(text in words for text in texts) and not visible_text.decision_buttons(copy) else None

        def describe() -> str:
            copy = self.copy(name, order) or {}
            return f"“{visible_text.words(copy)}” {visible_text.decision_buttons(copy)}"

        await self.narrator.expect(
            f"{name}’s copy says “{' … '.join(texts)}”, and has no buttons to decide",
            look,
            actual=describe,
        )

    def ephemeral_texts(self, name: str) -> list[str]:
        """Return the texts of all ephemeral messages of a person."""
        return [
            visible_text.words(message.blocks)
            for message in self.env.slack.world.ephemerals
            if message.seen_by == self.person(name).id
        ]

    async def expect_ephemeral(self, name: str, before: int, part: str) -> None:
        """Wait for an ephemeral message with this text, after the first `before` ones."""
        sentence = await self.narrator.wait_for(
            f"{name} is told “{part}”", lambda: next(iter(self.ephemeral_texts(name)[before:]), None)
        )
        self.narrator.line(name, f"is told “{sentence}”")
        self.narrator.claim(f"the sentence says “{part}”", part in sentence, actual=sentence)

    # -- the end of a run --

    def paid(self, order: str) -> list[Refund]:
        return self.env.payments.for_order(order)

    def expect_paid_once(self, run: str, order: str, amount: str) -> None:
        """Check that the payment service booked this amount once, for one call of this run."""
        calls = [key for key in self.env.payments.calls if key.startswith(f"{run}:")]
        booked = [refund.amount for refund in self.paid(order)]
        for refund in self.paid(order):
            self.narrator.line("payments", f"book {refund.amount} for order {order}, key {refund.key}")
        self.narrator.claim(
            f"{amount} was paid exactly once",
            booked == [amount] and len(calls) == 1,
            actual=f"paid {' and '.join(booked) or 'nothing'} in {len(calls)} calls",
        )

    def expect_not_paid(self, order: str) -> None:
        """Check that the payment service booked nothing for the order."""
        booked = [refund.amount for refund in self.paid(order)]
        self.narrator.claim("nothing was paid", not booked, actual=f"paid {' and '.join(booked)}")

    async def expect_end(self, run: str, status: RunStatus, heading: str) -> None:
        """Wait for cleo's message about the end of a run, and compare it with the record."""
        await self.narrator.expect(
            f"cleo hears “{heading}”",
            lambda: any(
                run in str(message["blocks"]) and heading in visible_text.words(message)
                for message in self.person("cleo").sees(CHANNEL)
            ),
            actual=lambda: f"“{visible_text.words(self.person('cleo').sees(CHANNEL)[-1])}”",
        )
        await self.expect_status(run, status)

    async def expect_status(self, run: str, status: RunStatus) -> None:
        """Print the recorded entries of a run, and check its status."""
        engine = self.env.app.engine
        kinds = [entry.kind for entry in await engine.story(run) if entry.kind != "delivery.shown"]
        self.narrator.line("server", f"recorded {', '.join(kinds)}")
        view = await engine.run(run)
        current = view.status if view is not None else "gone"
        self.narrator.claim(f"the status of the run is {status}", current is status, actual=f"it is {current}")


def is_about(title: str, order: str) -> bool:
    """Return whether this is the title of a request about an order."""
    return title.startswith("Refund ") and f" for order {order}?" in title


async def await_ack(person: str, act: UserAct) -> Ack:
    """Perform an action, and return its acknowledgement. Raises `ClaimFailed`."""
    try:
        ack = await act
    except CannotAct as error:
        raise ClaimFailed(f"{person} can do that", str(error)) from None
    if ack is None or not ack.ok:
        raise ClaimFailed(
            "the server acknowledges that within three seconds", "nothing was sent" if ack is None else str(ack.problem)
        )
    return ack
