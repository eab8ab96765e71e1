"""A channel that remembers what it showed, fails when told to, and complains of what a real one would not bear."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from engine.domain import Card, DeliveryKind, Receipt
from engine.errors import ChannelError

_OPEN: Final = asyncio.Event()
_OPEN.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What becomes of one call. `landed`: the copy is there all the same. `gate`: the call waits for it first."""

    error: BaseException | None = None
    landed: bool = False
    gate: asyncio.Event = _OPEN


@dataclass(slots=True)
class PostedCopy:
    """A copy as it stands at its address; `cards` are its states, the latest last."""

    address: str
    delivery: str
    cards: list[Card] = field(default_factory=list)

    @property
    def card(self) -> Card:
        return self.cards[-1]


class RecordingEmailChannel:
    """A channel like mail: its copies carry links, and nobody can look whether one arrived."""

    name = "email"
    carries_links: ClassVar[Literal[True]] = True

    def __init__(self) -> None:
        self.channel = RecordingChannel()

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        return await self.channel.show(address=address, card=card, receipt=receipt, delivery=delivery)

    def to(self, address: str, kind: DeliveryKind) -> list[Card]:
        """What came to the address, as it was when it came, the oldest first."""
        return [one.cards[0] for one in self.channel.of(address) if one.cards[0].kind is kind]


class RecordingChannel:
    """`posted` by the id that receipts carry. `complaints`: what the caller did wrong; a test ends with none."""

    name = "recording"

    def __init__(self) -> None:
        self.posted: dict[str, PostedCopy] = {}
        self.complaints: list[str] = []
        self.calls = 0
        self.find_calls = 0
        self._faults: deque[Fault] = deque()
        self._look_errors: deque[ChannelError] = deque()
        self._busy: set[str] = set()

    def queue_faults(self, *faults: Fault) -> None:
        """What becomes of the next calls of `show`, one after the other."""
        self._faults.extend(faults)

    def queue_find_errors(self, *errors: ChannelError) -> None:
        """How the next calls of `find` fail."""
        self._look_errors.extend(errors)

    def of(self, address: str) -> list[PostedCopy]:
        """The copies at an address, oldest first."""
        return [one for one in self.posted.values() if one.address == address]

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        self.calls += 1
        fault = self._faults.popleft() if self._faults else Fault()
        self._inspect(address=address, card=card, receipt=receipt, delivery=delivery)
        self._busy.add(delivery)
        try:
            await fault.gate.wait()
        finally:
            self._busy.discard(delivery)
        if fault.error is not None and not fault.landed:
            raise fault.error
        shown = self._put(address, card, receipt, delivery)
        if fault.error is not None:
            raise fault.error
        return shown

    async def find(self, *, address: str, delivery: str) -> Receipt | None:
        self.find_calls += 1
        if self._look_errors:
            raise self._look_errors.popleft()
        for key, one in self.posted.items():
            if (one.address, one.delivery) == (address, delivery):
                return Receipt({"id": key})
        return None

    def _put(self, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        key = receipt.data["id"] if receipt is not None else f"copy-{len(self.posted) + 1}"
        self.posted.setdefault(key, PostedCopy(address, delivery)).cards.append(card)
        return Receipt({"id": key})

    def _inspect(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> None:
        if delivery in self._busy:
            self.complaints.append(f"{delivery} is shown twice at once")
        if card.state is not None and card.actions:
            self.complaints.append(f"{delivery} is closed and can still be clicked")
        if receipt is None:
            if any(one.delivery == delivery for one in self.posted.values()):
                self.complaints.append(f"{delivery} is posted a second time")
            return
        known = self.posted.get(receipt.data.get("id", ""))
        if known is None:
            self.complaints.append(f"{delivery} edits a copy that never was: {dict(receipt.data)}")
        elif (known.address, known.delivery) != (address, delivery):
            self.complaints.append(f"{delivery} edits the copy of {known.delivery}")
