"""The protocols that the outside implements for the engine, with their contracts.

To add a kind of step, derive from `StepType` and name the class in the entry-point group `signoff.steps`.
To add a channel, implement `Channel`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from msgspec import Struct
from pydantic import BaseModel

from engine.domain import Address, Card, Origin, Person, Receipt, Work
from engine.domain.people import ACCOUNT
from engine.fields import Field, FieldType
from engine.file_storage import OpenFile, StepFiles
from engine.json_values import Value
from engine.language_model import NOT_SET_UP, LanguageModel, ModelCalls, UnrecordedCalls
from engine.references import Reference
from engine.secret_port import Secrets
from engine.workflowfile.step_kinds import Nature, ParamProblem

ParamsT = TypeVar("ParamsT", bound=BaseModel)
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host and port, as text. Raises `OSError`; `socket.gaierror` tells if it is temporary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """The facts about its run that a step gets.

    `workflow` is the name of the workflow. `idempotency_key` is the same for every call of this visit, over retries and
    crashes: pass it on. `attempt` counts calls from 1. `timeout` is the time that the step may take. `redact` removes
    secrets from a text: call it before you truncate a text from another server, or a part of a secret may stay.
    `model_calls`: the record of the language models that this visit asked.
    """

    run: str
    step: str
    visit: int
    attempt: int
    idempotency_key: str
    timeout: timedelta
    redact: Callable[[str], str] = str
    workflow: str = ""
    model_calls: ModelCalls = field(default_factory=UnrecordedCalls)


Traceparent: TypeAlias = Callable[[StepContext], str]
"""Returns the header `traceparent` of a call: https://www.w3.org/TR/trace-context/"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepServices:
    """The services that steps use: one value, given to every step type when the registry creates it.

    A service that is not set up is None; all are None where files are only checked. A step that needs a missing
    service fails when it runs, never when it is created. There is no clock: a step type gets the times as arguments.

    `http_allow`: hosts that may be private and called by plain http. `resolve`: looks up the addresses of a host; if it
    is None, the operating system does. `sender`: sends messages to people and channels. `mailer`: sends emails.
    `secrets`: reads the secrets of the server for a step type. Secrets of a workflow stand in parameters
    (`secret_params`), so that approvers see where they go. `traceparent`: returns the header of that name for a call
    that a step makes, so that what the called service does is in the trace of the run; None while tracing is off.
    `language_model`: asks language models; while it is None, `no_language_model` says what to set up.
    `files`: the files that steps use and make.
    """

    http_allow: tuple[str, ...] = ()
    resolve: Resolve | None = None
    sender: Sender | None = None
    mailer: Mailer | None = None
    secrets: Secrets | None = None
    traceparent: Traceparent | None = None
    language_model: LanguageModel | None = None
    no_language_model: str = NOT_SET_UP
    files: StepFiles | None = None


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
    literal_params: ClassVar[frozenset[str]] = frozenset()
    """Top-level parameters in which expressions do not work, such as declarations of fields."""
    response_params: ClassVar[frozenset[str]] = frozenset()
    """Top-level parameters whose expressions the step itself evaluates, over its answer under the name `response`."""
    address_params: ClassVar[frozenset[str]] = frozenset()
    """Top-level parameters that are a web address: values are escaped for the place in it where they stand."""

    fixed_params: ClassVar[frozenset[str]] = frozenset()
    """Top-level parameters that people can never edit, such as how a call signs in."""
    technical_names: ClassVar[frozenset[str]] = frozenset()
    """Top-level parameters and outputs that a card shows only under technical details, such as a method and headers."""

    output_types: ClassVar[Mapping[str, FieldType]] = {}
    """Types of the outputs that are always of one type, for a person who has to fill them in."""

    @classmethod
    def create(cls, services: StepServices) -> Self:  # noqa: ARG003
        """Return the step type. Override it to keep the services that the step needs.

        Called once in a process, and never for an instance that a distribution built itself.
        """
        return cls()

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str] | None:  # noqa: ARG002
        """Return the names of the fields of the output, or None if they are known only after the step ran."""
        return None

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:  # noqa: ARG002
        """Return the parameters that a reviewer may edit by default, and their fields, or None to infer a field."""
        return {}

    def idempotent(self, params: Mapping[str, Value]) -> bool:  # noqa: ARG002
        """Return whether the call can be repeated without harm. If not, a person is asked about an unknown outcome."""
        return False

    def output_fields(self, params: Mapping[str, Value]) -> Mapping[str, Field]:  # noqa: ARG002
        """Return the fields of the output that are declared in the file, with their types. Almost every kind has none.

        `params`: the parameters as they are in the file. They may be wrong; then a wrong field is left out.
        """
        return {}

    def missing(self, params: Mapping[str, Value]) -> str | None:  # noqa: ARG002
        """Return what has to be set up on this server before a step like this can run, as a sentence, or None.

        A workflow with such a step is not registered. `params`: the parameters without expressions.
        """
        return None

    def find_problems(self, params: Mapping[str, Value]) -> Iterable[ParamProblem]:  # noqa: ARG002
        """Yield what can never work, whatever the expressions give.

        `params`: the parameters as they are in the file. `Params` has checked those without expressions.
        """
        return ()

    async def doubts(self, params: Mapping[str, Value]) -> Sequence[str]:  # noqa: ARG002
        """Return warnings for a workflow that is being registered, as sentences.

        `params`: the parameters without expressions. Never raises.
        """
        return ()

    def produce(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """Return the output, from the parameters alone. Only for INLINE and SLEEP kinds."""
        raise TypeError(f"{self.name} is not an inline step; it was given {', '.join(params)}")

    def wakes_at(self, params: Mapping[str, Value], now: datetime) -> datetime:
        """Return when the run goes on. `now` is when the step was reached. Only for SLEEP kinds."""
        raise TypeError(f"{self.name} does not sleep; it was given {', '.join(params)} at {now}")

    @abstractmethod
    async def run(self, params: ParamsT, context: StepContext) -> Mapping[str, object]:
        """Run the step and return its output, a mapping of JSON values.

        Raise `engine.errors.StepError` for a failure; any other exception counts as a failure with unknown outcome.
        """


class Channel(Protocol):
    """Shows copies at addresses of one kind. No database, no clock, no retries of its own."""

    name: str

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        """Post the card, or edit the copy of the receipt if there is one. Return the receipt of the copy.

        `delivery` is the id of the delivery; store it where `FindsCopies.find` can find it. Raises only `ChannelError`.
        """


Renew: TypeAlias = Callable[[], Awaitable[Card | None]]
"""Returns the newest card of a copy, or None if it has not changed since this was asked last."""


@runtime_checkable
class RenewsCards(Protocol):
    """A channel whose edits wait for their turn. It asks for the newest card right before an edit that had to wait."""

    renews_cards: ClassVar[Literal[True]]

    async def show(
        self, *, address: str, card: Card, receipt: Receipt | None, delivery: str, renew: Renew | None = None
    ) -> Receipt:
        """Do what `Channel.show` does. The last card that `renew` returned is the one that is shown."""


@runtime_checkable
class FindsCopies(Protocol):
    """A channel that can find a copy after a post of unknown outcome."""

    async def find(self, *, address: str, delivery: str, below: Receipt | None = None) -> Receipt | None:
        """Return the receipt of the copy for this delivery, or None if there is none. Raises only `ChannelError`.

        `below`: the copy that it was posted below, if any, as in `Card.below`.
        """


@runtime_checkable
class CarriesLinks(Protocol):
    """A channel whose copies have a link instead of buttons: the card holds a new token for it."""

    carries_links: ClassVar[Literal[True]]


@runtime_checkable
class KnowsTurns(Protocol):
    """A channel whose copies may have to wait long for their turn. It is asked before the card is made."""

    async def check_turn(self, *, address: str, delivery: str) -> None:
        """Raise the `ChannelError` that `show` would raise if it had to wait too long for a first copy."""


@runtime_checkable
class ListsRequests(Protocol):
    """A channel that shows each person a list of their requests beside its messages."""

    def mark_list(self, address: str) -> None:
        """Take note that the list of this person has changed, though no message of theirs has."""


@runtime_checkable
class TakesLonger(Protocol):
    """A channel that may need more time for one copy than others, and has timeouts of its own."""

    show_seconds: ClassVar[float]


@runtime_checkable
class SeparatesAddresses(Protocol):
    """A channel that takes longer, and whose addresses are servers of their own: one must not hold up the others."""

    separates_addresses: ClassVar[Literal[True]]


class DirectoryPerson(Struct, frozen=True):
    """A person as a directory knows them: the name (may be empty), and every address that it vouches for.

    `zone`: the IANA name of their time zone, which exists on this machine, or None if the directory does not know it.
    `unlisted`: no account has this address, and it stands for its reader. `joined`: the operator says that all of these
    addresses are of one human.
    """

    name: str
    addresses: tuple[Address, ...]
    zone: str | None = None
    unlisted: bool = False
    joined: bool = False

    @property
    def account(self) -> Address | None:
        """The account of the person, or None."""
        return next((address for address in self.addresses if address.kind == ACCOUNT), None)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The people that a reference names.

    `why`: a sentence if people are missing. `members`: the addresses of all members of a group or a role, for a
    reference to its members. `unknown`: the directory knows no person with this address, who may still be asked
    another way. `never`: the reference names something that does not exist or may never be asked, so that the file
    needs another.
    `standing`: the state of an account that may not be asked, as it follows the word "is". `guests`: people who may not
    be asked because they belong to another organization. `unanswered`: the directory did not answer.
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
    """Knows people, groups and accounts, and how to reach people."""

    def asks(self, reference: Reference) -> bool:
        """Return whether `resolve` is needed to know the people of the reference. Pure."""

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Return the people that each reference names. Raises `ChannelError` if that cannot be found out now."""

    def reach(self, person: Person) -> Sequence[Route]:
        """Return the routes to this person, the best first. Pure."""

    def back(self, origin: Origin, person: Person) -> Route | None:
        """Return the route to notify a person about the end of a run that they started at `origin`, or None. Pure."""

    def place(self, name: str) -> Route | None:
        """Return the route to a place that many people read, such as a channel, or None if there is none. Pure."""


@runtime_checkable
class KnowsLimits(Protocol):
    """A directory that knows up to which amounts people may approve."""

    def limits(self) -> Mapping[str, Mapping[str, Decimal] | None]:
        """Return the largest amounts by currency that the members of a role may approve, by role. None: any. Pure."""


@runtime_checkable
class KnowsDepartments(Protocol):
    """A directory that knows the departments of people."""

    def department(self, person: Person) -> str | None:
        """Return the department of a person, or None if it is not known. Pure."""

    def departments(self) -> frozenset[str]:
        """Return the departments that people have, in small letters. Pure."""


@runtime_checkable
class KeepsAnswers(Protocol):
    """A directory that keeps answers for a while."""

    def forget(self, account: Address) -> None:
        """Drop the answers about an account, because it has changed."""


class Route(Struct, frozen=True):
    """A channel and the address of a person there."""

    channel: str
    address: str


class Sender(Protocol):
    """Sends the messages of `message` steps; bound to a channel in the composition root."""

    async def send(self, *, to: str, text: str, source: str, key: str) -> Mapping[str, object]:
        """Send `text` to a person or place. Raises `StepError`.

        `source` says where the message comes from, and is shown apart from the text. A second call with the same `key`
        sends nothing new.
        """


@runtime_checkable
class KnowsPlaces(Protocol):
    """A sender that can check whether it could send to a place."""

    async def doubt(self, to: str) -> str | None:
        """Return a sentence that says why nothing can be sent there now, or None. Never raises."""


class Mailer(Protocol):
    """Sends the emails of `email` steps; bound in the composition root."""

    async def send(
        self,
        *,
        to: str,
        subject: str,
        body: str,
        reply_to: str | None,
        key: str,
        attachments: Sequence[OpenFile] = (),
    ) -> Mapping[str, object]:
        """Send one plain email to one address, and return its `message_id`. Raises `StepError`.

        The id is derived from `key`, so that mail programs recognize a repeated email.
        """


class Clock(Protocol):
    """The source of the time."""

    def now(self) -> datetime:
        """Return the time in UTC."""


class Ids(Protocol):
    """The source of ids and of random bytes."""

    def new(self, now: datetime) -> str:
        """Return a new id that sorts by time and is unique without coordination."""

    def salt(self) -> bytes:
        """Return 16 random bytes."""

    def token(self) -> str:
        """Return 256 random bits as text that needs no escaping in a URL."""


class Executor(Protocol):
    """Runs the units of work. A lost hint delays work by seconds; it never loses work."""

    def submit(self, works: Sequence[Work]) -> None:
        """Queue work that may be ready. Called right after the commit that made it ready."""

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
    "KnowsTurns",
    "Mailer",
    "Renew",
    "RenewsCards",
    "Resolution",
    "Resolve",
    "Route",
    "Secrets",
    "Sender",
    "SeparatesAddresses",
    "StepContext",
    "StepServices",
    "StepType",
    "TakesLonger",
    "Traceparent",
]
