"""A channel that records its copies, fails as a test says, and lists calls that a real channel must never get."""

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
    """The fault of one call. With `landed`, the copy is posted all the same. The call waits for `gate` first."""

    error: BaseException | None = None
    landed: bool = False
    gate: asyncio.Event = _OPEN


@dataclass(slots=True)
class PostedCopy:
    """A copy at its address. `cards` are its states, the latest last."""

    address: str
    delivery: str
    cards: list[Card] = field(default_factory=list)

    @property
    def card(self) -> Card:
        return self.cards[-1]


class RecordingEmailChannel:
    """A channel like email: its copies carry links, and it cannot check whether a copy arrived."""

    name = "email"
    carries_links: ClassVar[Literal[True]] = True

    def __init__(self) -> None:
        self.channel = RecordingChannel()

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        return await self.channel.show(address=address, card=card, receipt=receipt, delivery=delivery)

    def to(self, address: str, kind: DeliveryKind) -> list[Card]:
        """Return the first cards of the copies at an address, oldest first."""
        return [copy.cards[0] for copy in self.channel.of(address) if copy.cards[0].kind is kind]


class RecordingChannel:
    """Records the copies in `posted`, by the id in their receipts, and mistakes of the caller in `complaints`.

    Every test must end without complaints.
    """

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
        """Make the next calls of `show` fail with these faults, one after the other."""
        self._faults.extend(faults)

    def queue_find_errors(self, *errors: ChannelError) -> None:
        """Make the next calls of `find` fail with these errors."""
        self._look_errors.extend(errors)

    def of(self, address: str) -> list[PostedCopy]:
        """Return the copies at an address, oldest first."""
        return [copy for copy in self.posted.values() if copy.address == address]

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
        new_receipt = self._put(address, card, receipt, delivery)
        if fault.error is not None:
            raise fault.error
        return new_receipt

    async def find(self, *, address: str, delivery: str, below: Receipt | None = None) -> Receipt | None:
        self.find_calls += 1
        if self._look_errors:
            raise self._look_errors.popleft()
        for key, copy in self.posted.items():
            if (copy.address, copy.delivery) == (address, delivery):
                return Receipt({"id": key})
        return None

    def _put(self, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        key = receipt.data["id"] if receipt is not None else f"copy-{len(self.posted) + 1}"
        self.posted.setdefault(key, PostedCopy(address, delivery)).cards.append(card)
        return Receipt({"id": key})

    def _inspect(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> None:
        if delivery in self._busy:
            self.complaints.append(f"{delivery} is shown twice at once")
        if card.outcome is not None and card.actions:
            self.complaints.append(f"{delivery} is closed and can still be clicked")
        if receipt is None:
            if any(other.delivery == delivery for other in self.posted.values()):
                self.complaints.append(f"{delivery} is posted a second time")
            return
        copy = self.posted.get(receipt.data.get("id", ""))
        if copy is None:
            self.complaints.append(f"{delivery} edits a copy that never was: {dict(receipt.data)}")
        elif (copy.address, copy.delivery) != (address, delivery):
            self.complaints.append(f"{delivery} edits the copy of {copy.delivery}")
