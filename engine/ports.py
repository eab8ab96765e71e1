"""What the engine needs from outside, as protocols with their contracts.

To add a kind of step, derive from `StepType` and name the class in the entry-point group `signoff.steps`.
To add a channel, implement `Channel`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from msgspec import Struct
from pydantic import BaseModel

from engine.domain import Address, Card, Origin, Person, Receipt, Work
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.references import Reference
from engine.workflowfile.step_kinds import Nature

ParamsT = TypeVar("ParamsT", bound=BaseModel)
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port in, textual addresses out. Raises `OSError` (`socket.gaierror` says whether it may pass)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What a step may know of the run it is in.

    `workflow` is its name.
    `idempotency_key` is the same for every call of this visit, over retries and crashes: pass it on.
    `attempt` counts calls from 1. `timeout` is what is left of the time that the step may take. `redact` takes the
    secrets out of a text: use it before you cut a text that quotes the other side, or half of a secret is left.
    """

    run: str
    step: str
    visit: int
    attempt: int
    idempotency_key: str
    timeout: timedelta
    redact: Callable[[str], str] = str
    workflow: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepServices:
    """What steps need from outside: one value, given to every step type when the registry builds it.

    A service that is not set up here is None, and so are all of them where files are only checked: a step that needs
    one fails when it runs, never when it is built. There is no clock, because a step type is given the times that it
    may know.

    `http_allow`: hosts that may be private and called by plain http. `resolve`: looks the addresses of a host up; None:
    the operating system does. `sender`: sends messages to people and channels. `mailer`: sends emails. `secrets`: reads
    what the server itself was given for a step type. Secrets of a workflow stand in parameters (`secret_params`), so
    that approvers see where they go.
    """

    http_allow: tuple[str, ...] = ()
    resolve: Resolve | None = None
    sender: Sender | None = None
    mailer: Mailer | None = None
    secrets: Secrets | None = None


class StepType(ABC, Generic[ParamsT]):
    """A kind of step. It never knows whether it was gated.

    `Params` validates the `with` of the file and the edits of a reviewer. Instances are shared by all runs:
    keep no state of a run on them.
    """

    name: ClassVar[str]
    Params: ClassVar[type[BaseModel]]
    nature: ClassVar[Nature] = Nature.EFFECT
    secret_params: ClassVar[frozenset[str]] = frozenset()
    """Top-level parameters in which `{{ secret.NAME }}` may stand."""
    address_params: ClassVar[frozenset[str]] = frozenset()
    """Top-level parameters that are a web address: values are escaped for the place in it where they stand."""

    output_types: ClassVar[Mapping[str, FieldType]] = {}
    """Types of the outputs that are always of one type, for a person who has to fill them in."""

    @classmethod
    def create(cls, services: StepServices) -> Self:  # noqa: ARG003
        """Return the step type with what it needs of the services. Override it to keep some of them.

        Called once in a process, and never for an instance that a distribution built itself.
        """
        return cls()

    def outputs(self, given: Mapping[str, Value]) -> frozenset[str] | None:  # noqa: ARG002
        """Names of the output's fields, if they are known from the parameters; None: only known when it ran."""
        return None

    def content(self, given: Mapping[str, Value]) -> Mapping[str, Field | None]:  # noqa: ARG002
        """Parameters that a reviewer may edit by default (content, never an address to call). None: type from value."""
        return {}

    def idempotent(self, given: Mapping[str, Value]) -> bool:  # noqa: ARG002
        """Whether repeating the call is harmless by its nature. If not, an unknown outcome asks a person."""
        return False

    async def doubts(self, given: Mapping[str, Value]) -> Sequence[str]:  # noqa: ARG002
        """Return what will not work, asked when a workflow is registered, in sentences.

        `given`: the parameters that stand in the file as they are. Never raises.
        """
        return ()

    def produce(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Only for INLINE and SLEEP kinds: the output, from the parameters alone."""
        raise TypeError(f"{self.name} is not an inline step; it was given {', '.join(given)}")

    def wakes_at(self, given: Mapping[str, Value], now: datetime) -> datetime:
        """Only for SLEEP kinds: when the run goes on. `now` is when the step was reached."""
        raise TypeError(f"{self.name} does not sleep; it was given {', '.join(given)} at {now}")

    @abstractmethod
    async def run(self, params: ParamsT, context: StepContext) -> Mapping[str, object]:
        """Do it, and return the output: a mapping of JSON values.

        Raise `engine.errors.StepError` for a failure; any other exception counts as a failure with unknown outcome.
        """


class Channel(Protocol):
    """Shows copies at addresses of one kind. No database, no clock, no retries of its own."""

    name: str

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        """Post the card (no receipt), or edit the copy that the receipt names. Returns what finds the copy again.

        `delivery`: the id of this copy, to be left where `FindsCopies.find` can see it. Raises only `ChannelError`.
        """


@runtime_checkable
class FindsCopies(Protocol):
    """A channel that can look whether a post of unknown outcome landed."""

    async def find(self, *, address: str, delivery: str) -> Receipt | None:
        """The copy that was posted for this delivery, if there is one. Raises only `ChannelError`."""


@runtime_checkable
class CarriesLinks(Protocol):
    """A channel whose copies of open requests have no buttons and need a link: the card has a fresh token for it."""

    carries_links: ClassVar[Literal[True]]


@runtime_checkable
class TakesLonger(Protocol):
    """A channel that may need more time for one copy than most, and gives up by itself."""

    show_seconds: ClassVar[float]


class DirectoryPerson(Struct, frozen=True):
    """A person as a directory knows them: the name (may be empty), and every address that it vouches for."""

    name: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whom a reference means. `why`: a sentence where that is nobody, or not everybody.

    `members`: of a reference of the kind `members`, the addresses of everybody in the group; nobody looks up more.
    `unknown`: nobody there has this address, so that it says nothing about whether they may be asked another way.
    `never`: what is named is not there, or may never be asked; only another name mends that.
    `standing`: of one account that may not be asked, what it is, as it follows the word "is".
    `guests`: those who may not be asked because they belong to others; they are people all the same.
    `unanswered`: the directory did not answer, so that nothing of this is known.
    """

    people: tuple[DirectoryPerson, ...]
    why: str | None = None
    members: frozenset[Address] = frozenset()
    unknown: bool = False
    never: bool = False
    standing: str | None = None
    guests: tuple[DirectoryPerson, ...] = ()
    unanswered: bool = False


class Directory(Protocol):
    """Who people are, and where they can be reached."""

    def asks(self, reference: Reference) -> bool:
        """Whether only `resolve` can tell whom the reference means. Pure."""

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Whom each of the references means. Raises `ChannelError` while that cannot be found out."""

    def reach(self, person: Person) -> Sequence[Route]:
        """Where to show this person a copy, the first being the best; empty: nowhere. Pure."""

    def back(self, origin: Origin, person: Person) -> Route | None:
        """Where the person who started something at `origin` hears how it ended; None: they follow it there. Pure."""


class Route(Struct, frozen=True):
    channel: str
    address: str


class Sender(Protocol):
    """Sends what a step says; bound in the composition root to a channel that can."""

    async def send(self, *, to: str, text: str, source: str, key: str) -> Mapping[str, object]:
        """Send `text` to a person or place. Raises `StepError`.

        `source`: where it comes from, in our words; people can tell it from the text. `key`: the same again sends
        nothing new.
        """


@runtime_checkable
class KnowsPlaces(Protocol):
    """A sender that can tell ahead whether it could send to a place."""

    async def doubt(self, to: str) -> str | None:
        """Return why nothing can be sent there now, in a sentence; None if nothing speaks against it.

        Never raises.
        """


class Mailer(Protocol):
    """Sends what an `email` step says; bound in the composition root."""

    async def send(self, *, to: str, subject: str, body: str, reply_to: str | None, key: str) -> Mapping[str, object]:
        """One plain message to one address. Returns what names it: `message_id`. Raises `StepError`.

        `key` makes the id, so that the same again is recognized as the same by whoever receives it.
        """


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, in UTC."""


class Ids(Protocol):
    def new(self, now: datetime) -> str:
        """A fresh id: sorts by time, unique without asking anybody."""

    def salt(self) -> bytes:
        """16 random bytes."""

    def token(self) -> str:
        """256 random bits, as text that stands in an address as it is."""


class Secrets(Protocol):
    def read(self, name: str) -> str:
        """The secret's value. Raises `StepError` naming the setting that is missing."""

    def redact(self, text: str) -> str:
        """The text with every known secret value replaced by its name, however it is escaped or encoded."""


class Executor(Protocol):
    """Brings work to the units that do it. Losing every hint costs seconds, never work."""

    def submit(self, works: Sequence[Work]) -> None:
        """A hint that these may be ready; called right after the commit that made them so."""

    async def run(self) -> None:
        """Do work until cancelled."""


__all__ = [
    "Address",
    "CarriesLinks",
    "Channel",
    "Clock",
    "Directory",
    "DirectoryPerson",
    "Executor",
    "FindsCopies",
    "Ids",
    "Mailer",
    "Resolution",
    "Resolve",
    "Route",
    "Secrets",
    "Sender",
    "StepContext",
    "StepServices",
    "StepType",
    "TakesLonger",
]
