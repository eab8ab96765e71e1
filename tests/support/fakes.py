"""Fakes of the ports: a clock that is set, ids that count, a step type that only records, a channel with faults."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from engine.domain import Card, Origin, Person, Receipt
from engine.errors import ChannelError
from engine.fields import Field
from engine.json_values import Value
from engine.ports import Resolution, Route, StepContext, StepType
from engine.references import Reference

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """Stands still until it is told to move."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def pass_time(self, delta: timedelta) -> None:
        self.at += delta


class CountingIds:
    """The ids of one test, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, now: datetime) -> str:
        self.count += 1
        return f"{self.count:017d}"

    def token(self) -> str:
        return f"token-{self.salt().hex()}"

    def salt(self) -> bytes:
        self.count += 1
        return hashlib.sha256(str(self.count).encode()).digest()[:16]


class CallParams(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    to: str
    text: str = ""
    amount: Any = None
    headers: dict[str, str] = {}
    details: Any = None


class Call(StepType[CallParams]):
    """An effect. The machine performs it, so `run` is only what a runner would call. Repeatable if `to` says so."""

    name: ClassVar[str] = "call"
    Params: ClassVar[type[BaseModel]] = CallParams
    secret_params: ClassVar[frozenset[str]] = frozenset({"headers"})

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:
        return frozenset({"answer", "text"})

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:
        return {"text": None}

    def idempotent(self, params: Mapping[str, Value]) -> bool:
        return params.get("to") == "nowhere"

    async def run(self, params: CallParams, context: StepContext) -> Mapping[str, object]:
        return {"answer": context.idempotency_key, "text": params.text}


class KnownPeople:
    """A directory with nothing to look up. `routes`: the ways to a person, by their first email address."""

    def __init__(self, routes: Callable[[str], Sequence[Route]]) -> None:
        self._routes = routes

    def asks(self, reference: Reference) -> bool:
        return False

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        return {}

    def back(self, origin: Origin, person: Person) -> Route | None:
        return None

    def reach(self, person: Person) -> Sequence[Route]:
        return self._routes(str(person.email))


def people_reached_by(channel: str) -> KnownPeople:
    """Everybody is reached through this channel alone."""
    return KnownPeople(lambda email: [Route(channel, email)])


class ByEmail(KnownPeople):
    """Everybody has a mailbox, except those at `unreachable.example`."""

    def __init__(self) -> None:
        super().__init__(lambda email: [] if email.endswith("@unreachable.example") else [Route("mailbox", email)])


Fault = Literal["none", "refused", "dead", "lost", "landed"]
"""What becomes of a call: it works; fails; fails for good; is lost or lands, and the caller cannot tell."""


@dataclass
class Message:
    """A copy in somebody's mailbox, as it looks now."""

    id: str
    address: str
    delivery: str
    cards: list[Card] = field(default_factory=list)

    @property
    def card(self) -> Card:
        return self.cards[-1]


class MailboxChannel:
    """A channel whose next call does what `fault` says; `pause` is awaited before it does."""

    name = "mailbox"

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self.fault: Fault = "none"
        self.messages: dict[str, Message] = {}
        self._pause = pause

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        await self._pause()
        if self.fault in ("refused", "dead"):
            raise ChannelError("The mailbox refused it.", permanent=self.fault == "dead")
        if self.fault == "lost":
            raise ChannelError("The line went dead.", outcome_unknown=True)
        message = self._post(address, delivery) if receipt is None else self.messages[receipt.data["id"]]
        message.cards.append(card)
        if self.fault == "landed":
            raise ChannelError("The line went dead.", outcome_unknown=True)
        return Receipt({"id": message.id})

    async def find(self, *, address: str, delivery: str) -> Receipt | None:
        found = [message for message in self.messages.values() if message.delivery == delivery]
        return Receipt({"id": found[-1].id}) if found else None

    def _post(self, address: str, delivery: str) -> Message:
        message = Message(f"m{len(self.messages) + 1}", address, delivery)
        self.messages[message.id] = message
        return message
