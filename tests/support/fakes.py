"""Fakes of the ports: a clock that tests move, ids that count up, a step type, directories and a faulty channel."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from engine.domain import Card, Origin, Person, Receipt
from engine.errors import ChannelError
from engine.fields import Field
from engine.json_values import Value
from engine.ports import Resolution, Route, StepContext, StepType
from engine.references import Reference
from tests.support.recording_channel import PostedCopy

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def pass_time(self, delta: timedelta) -> None:
        self.at += delta


class CountingIds:
    """Creates the ids of one test by counting up."""

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
    asked: str = ""
    amount: Any = None
    headers: dict[str, str] = {}
    details: Any = None


class Call(StepType[CallParams]):
    """A step type with an effect. It is idempotent if `to` is `nowhere`.

    The state machine test performs the effect itself, so only a real runner calls `run`.
    """

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
    """A directory that looks nothing up. `routes` returns the routes to a person by their first email address.

    `places`: the channel that reaches places with many people.
    """

    def __init__(self, routes: Callable[[str], Sequence[Route]], *, places: str | None = None) -> None:
        self._routes, self._places = routes, places

    def asks(self, reference: Reference) -> bool:
        return False

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        return {}

    def back(self, origin: Origin, person: Person) -> Route | None:
        return None

    def place(self, name: str) -> Route | None:
        return Route(self._places, name) if self._places else None

    def reach(self, person: Person) -> Sequence[Route]:
        return self._routes(str(person.email))


def people_reached_by(channel: str) -> KnownPeople:
    """Return a directory in which everyone is reached only through this channel."""
    return KnownPeople(lambda email: [Route(channel, email)])


class ByEmail(KnownPeople):
    """A directory in which everyone has a mailbox, except people at `unreachable.example`."""

    def __init__(self) -> None:
        super().__init__(lambda email: [] if email.endswith("@unreachable.example") else [Route("mailbox", email)])


Fault = Literal["none", "refused", "dead", "lost", "landed"]
"""The result of a call: it works, fails, fails permanently, or is lost or lands while the caller sees an error."""


class MailboxChannel:
    """A channel whose next call fails as `fault` says. It awaits `pause` first."""

    name = "mailbox"

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self.fault: Fault = "none"
        self.posted: dict[str, PostedCopy] = {}
        self._pause = pause

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        await self._pause()
        if self.fault in ("refused", "dead"):
            raise ChannelError("The mailbox refused it.", permanent=self.fault == "dead")
        if self.fault == "lost":
            raise ChannelError("The line went dead.", outcome_unknown=True)
        key = receipt.data["id"] if receipt is not None else f"m{len(self.posted) + 1}"
        self.posted.setdefault(key, PostedCopy(address, delivery)).cards.append(card)
        if self.fault == "landed":
            raise ChannelError("The line went dead.", outcome_unknown=True)
        return Receipt({"id": key})

    async def find(self, *, address: str, delivery: str, below: Receipt | None = None) -> Receipt | None:
        keys = [key for key, copy in self.posted.items() if copy.delivery == delivery]
        return Receipt({"id": keys[-1]}) if keys else None
