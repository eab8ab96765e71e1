"""What the people of the story do and see. Each act is told, and has to be acknowledged by the server in time."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bot.devtools.demo import visible_text
from bot.devtools.demo.narration import Broken, Teller
from bot.devtools.demo.payments import Refund
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.sandbox import CannotAct
from bot.devtools.sandbox.server import Ack, SimulatedPerson
from engine.domain import RunStatus

Acting: TypeAlias = Coroutine[Any, Any, Ack | None]
APPROVERS: Final = ("ada", "ben")
PLACE: Final = "general"
"""The channel in which cleo types her commands, and hears how her runs end."""
PAY: Final = "Pay the refund"
REFUSE: Final = "Do not pay"
EDIT: Final = "Edit"
NAMES: Final = {"ada": "Ada Approver", "ben": "Ben Approver", "cleo": "Cleo Builder"}


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A run that waits. `copies`: what each approver saw when they were asked."""

    run: str
    order: str
    copies: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Scene:
    """The stage, and the teller of what happens on it."""

    stage: DemoEnvironment
    teller: Teller

    def person(self, name: str) -> SimulatedPerson:
        return self.stage.slack.person(name)

    # -- acting --

    async def act(self, who: str, said: str, acting: Acting) -> Ack:
        """Somebody does something. Raises `Broken` if they cannot, or if the server does not acknowledge it."""
        # Closed even if the line cannot be printed any more, because nobody reads it.
        with closing(acting):
            self.teller.line(who, said)
            return await acknowledged(who, acting)

    async def opens(self, who: str, said: str, acting: Acting, *, title: str) -> dict[str, Any]:
        """Somebody does something that opens a modal; the modal."""
        await self.act(who, said, acting)
        return await self.teller.awaits(f"the modal “{title}” opens", lambda: self._modal(who, title))

    def _modal(self, who: str, title: str) -> dict[str, Any] | None:
        modal = self.person(who).modal
        return modal if modal is not None and visible_text.words(modal["title"]) == title else None

    async def command(self, line: str) -> None:
        """Cleo types a command."""
        await self.act("cleo", f"types {line}", self.person("cleo").command(line, channel=PLACE))

    # -- running --

    async def runs(self, workflow: str, order: str, *, amount: str, why: str, vip: bool = False) -> str:
        """Cleo starts a run by one line; its id, as she is told it."""
        known = " vip=yes" if vip else ""
        shown = f'/signoff run {workflow} order={order} amount={amount} reason="{why}"{known}'
        cleo = self.person("cleo")
        acting = cleo.command(shown, channel=PLACE)
        await self.act("cleo", f"types {shown}", acting)
        return self.started(visible_text.words(cleo.sees(PLACE)[-1]))

    def started(self, answer: str) -> str:
        """The id of the run that an answer to cleo names."""
        self.teller.line("cleo", f"sees “{answer}”")
        found = re.fullmatch(r"Started .+: run (\w+)\. You will get a message.*", answer)
        if found is None:
            raise Broken("cleo is told that her run has started", answer)
        return found[1]

    async def asks(self, run: str, order: str) -> ShownRequest:
        """Both approvers get a copy with buttons, and nothing is paid while they think."""
        copies = await self.teller.awaits(
            f"ada and ben are asked about order {order}",
            lambda: found if len(found := self._open_copies(order)) == len(APPROVERS) else None,
        )
        self.teller.line("ada, ben", f"see “{title(order)}” [{'] ['.join(visible_text.buttons(copies['ada']))}]")
        self.teller.claim(
            "the gate is open, and nothing is paid while it is", not self.paid(order), instead=self.paid(order)
        )
        return ShownRequest(run, order, copies)

    def _open_copies(self, order: str) -> dict[str, dict[str, Any]]:
        copies = {name: self.copy(name, order) for name in APPROVERS}
        return {name: one for name, one in copies.items() if one is not None and visible_text.buttons(one)}

    async def asked(self, workflow: str, order: str, *, amount: str, why: str, vip: bool = False) -> ShownRequest:
        """Cleo starts a run by one line, and the approvers are asked."""
        return await self.asks(await self.runs(workflow, order, amount=amount, why=why, vip=vip), order)

    # -- seeing --

    def copy(self, name: str, order: str) -> dict[str, Any] | None:
        """The message about an order in somebody's conversation with the app, as it is now."""
        return next((one for one in self.person(name).sees() if visible_text.is_titled(one, title(order))), None)

    async def closes(self, name: str, order: str, *says: str) -> None:
        """Somebody's copy comes to say all of this, and has no buttons any more."""

        def look() -> str | None:
            copy = self.copy(name, order) or {}
            said = visible_text.words(copy)
            return said if all(one in said for one in says) and not visible_text.buttons(copy) else None

        said = " … ".join(says)
        await self.teller.comes(
            f"{name}’s copy says “{said}”, and has no buttons",
            look,
            instead=lambda: (
                f"“{visible_text.words(self.copy(name, order))}” {visible_text.buttons(self.copy(name, order) or {})}"
            ),
        )

    def told(self, name: str) -> list[str]:
        """The sentences that only this person was shown so far."""
        return [
            visible_text.words(one.blocks)
            for one in self.stage.slack.world.ephemerals
            if one.seen_by == self.person(name).id
        ]

    async def answered(self, name: str, before: int, part: str) -> None:
        """Somebody is shown one more sentence, with this in it."""
        sentence = await self.teller.awaits(
            f"{name} is told “{part}”", lambda: next(iter(self.told(name)[before:]), None)
        )
        self.teller.line(name, f"is told “{sentence}”")
        self.teller.claim(f"the sentence says “{part}”", part in sentence, instead=sentence)

    # -- the end of a run --

    def paid(self, order: str) -> list[Refund]:
        return self.stage.payments.of(order)

    def pays_once(self, asked_run: str, order: str, amount: str) -> None:
        """The payment service booked this amount once, for the one call of this run."""
        payments = self.stage.payments
        calls = [one for one in payments.calls if one.startswith(f"{asked_run}:")]
        booked = [one.amount for one in self.paid(order)]
        for one in self.paid(order):
            self.teller.line("payments", f"book {one.amount} for order {order}, key {one.key}")
        self.teller.claim(
            f"{amount} was paid exactly once",
            booked == [amount] and len(calls) == 1,
            instead=f"paid {' and '.join(booked) or 'nothing'} in {len(calls)} calls",
        )

    def pays_nothing(self, order: str) -> None:
        """The payment service never heard of the order."""
        booked = [one.amount for one in self.paid(order)]
        self.teller.claim("nothing was paid", not booked, instead=f"paid {' and '.join(booked)}")

    async def ends(self, run: str, status: RunStatus, heading: str) -> None:
        """Cleo hears how her run ended, and the record says the same."""
        await self.teller.comes(
            f"cleo hears “{heading}”",
            lambda: any(
                run in (said := visible_text.words(one)) and heading in said for one in self.person("cleo").sees(PLACE)
            ),
            instead=lambda: f"“{visible_text.words(self.person('cleo').sees(PLACE)[-1])}”",
        )
        await self.is_recorded(run, status)

    async def is_recorded(self, run: str, status: RunStatus) -> None:
        """What the server wrote down, and where the run is now."""
        engine = self.stage.app.engine
        kinds = [one.kind for one in await engine.story(run) if one.kind != "delivery.shown"]
        self.teller.line("server", f"recorded {', '.join(kinds)}")
        view = await engine.run(run)
        now = view.status if view is not None else "gone"
        self.teller.claim(f"the status of the run is {status}", now is status, instead=f"it is {now}")


def title(order: str) -> str:
    """The heading of a request about an order."""
    return f"Refund order {order}?"


async def acknowledged(who: str, acting: Acting) -> Ack:
    """What the server acknowledged an act with. Raises `Broken`."""
    try:
        ack = await acting
    except CannotAct as error:
        raise Broken(f"{who} can do that", str(error)) from None
    if ack is None or not ack.ok:
        raise Broken(
            "the server acknowledges that within three seconds", "nothing was sent" if ack is None else str(ack.problem)
        )
    return ack
