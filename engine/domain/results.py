"""The results of commands: what was done, or a refusal, which every surface tells in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from engine.domain.people import Address, Person
from engine.domain.statuses import RequestState, ResumeAnswer, RunStatus, Verdict


class Registered(Struct, frozen=True, kw_only=True):
    workflow: str
    version: int
    changed: bool
    """False: this very text was the current version already."""
    warnings: tuple[str, ...] = ()
    """What will not work as the file has it, as far as is known now."""


class Started(Struct, frozen=True, kw_only=True):
    run: str
    created: bool = True
    """False: a start with this key was there already."""


class Decided(Struct, frozen=True, kw_only=True):
    request: str
    run: str
    decision: str
    state: RequestState
    edited: tuple[str, ...] = ()


class Done(Struct, frozen=True, kw_only=True):
    """The command was carried out; there is no more to say."""

    run: str


class AddressReturned(Struct, frozen=True, kw_only=True):
    """`given_to` None: no person had it before."""

    address: Address
    taken_from: Person
    given_to: Person | None


class Erased(Struct, frozen=True, kw_only=True):
    run: str
    entries: int
    """How many entries of the record lost their content."""


class Refusal(Struct, frozen=True):
    """An expected no. Every surface answers it with a sentence and the current state."""


class NotFound(Refusal, frozen=True, kw_only=True):
    what: str
    name: str
    suggestion: str | None = None


class NotAllowed(Refusal, frozen=True, kw_only=True):
    """The actor may not do this; `why` says who may."""

    why: str


class InvalidInputs(Refusal, frozen=True, kw_only=True):
    """`errors`: one predicate for each input, by name. `labels`: what people call these inputs, where they differ."""

    errors: Mapping[str, str]
    labels: Mapping[str, str] = {}


class AlreadyDecided(Refusal, frozen=True, kw_only=True):
    state: RequestState
    by: Person | None
    at: datetime
    by_you: bool = False


class NotAnApprover(Refusal, frozen=True, kw_only=True):
    """`who`: whoever acted, by a name that says something to them; None where we know only an account."""

    who: str | None
    approvers: tuple[str, ...]


class NoLongerApprover(Refusal, frozen=True, kw_only=True):
    """Asked when the request was opened, and not meant by the gate any more."""

    why: str


class Expired(Refusal, frozen=True, kw_only=True):
    at: datetime


class Cancelled(Refusal, frozen=True, kw_only=True):
    """The run was cancelled while the request was open."""

    at: datetime


class Changed(Refusal, frozen=True, kw_only=True):
    content_version: int


class Contested(Refusal, frozen=True, kw_only=True):
    """Others acted on the same request or run at the same moment, again and again; nothing was written."""

    what: Literal["request", "run"]


class InvalidEdits(Refusal, frozen=True, kw_only=True):
    """`errors`: one predicate for each field, by dotted path. `labels`: what people call these, where they differ."""

    errors: Mapping[str, str]
    labels: Mapping[str, str] = {}


class ReasonMissing(Refusal, frozen=True, kw_only=True):
    verdict: Verdict


class NotWaiting(Refusal, frozen=True, kw_only=True):
    """Cancel or resume of a run that has ended, or that asks nothing. `by`, `at`: of an answer that was faster."""

    run: str
    status: RunStatus
    answer: ResumeAnswer | None = None
    by: Person | None = None
    at: datetime | None = None
