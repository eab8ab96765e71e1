"""The results of commands: a success, or a refusal that every surface shows as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from engine.domain.people import Absence, Address, Person
from engine.domain.preferences import Preferences
from engine.domain.statuses import AloneReason, RequestState, ResumeAnswer, RunStatus, Verdict


class Registered(Struct, frozen=True, kw_only=True):
    """The file is the current version of its workflow."""

    workflow: str
    version: int
    changed: bool
    """False if the current version had the same bytes already."""
    takes_asks: bool = False
    """Whether programs start it by asking, and people never."""
    warnings: tuple[str, ...] = ()
    """Sentences about parts of the file that do not work now."""
    plans: tuple[str, ...] = ()
    """Sentences about what may go through without review, once people agree, with the worst case."""


class Started(Struct, frozen=True, kw_only=True):
    """The run was started."""

    run: str
    created: bool = True
    """False if a start with the same key created the run earlier."""
    queued: bool = False
    """Whether the run begins when the run before has ended."""


class Decided(Struct, frozen=True, kw_only=True):
    """The decision was saved. `edited`: the paths that were edited. `waited`: the time since the request opened.

    `step` and `visit`: what was asked about. `state` is `pending` while the approval of others is missing.
    """

    request: str
    run: str
    decision: str
    state: RequestState
    edited: tuple[str, ...] = ()
    waited: timedelta = timedelta(0)
    step: str = ""
    visit: int = 0


class QuestionAsked(Struct, frozen=True, kw_only=True):
    """The question was saved. `to`: the name of the person who is asked."""

    request: str
    run: str
    question: str
    to: str


class QuestionAnswered(Struct, frozen=True, kw_only=True):
    """The answer was saved. `asked_by`: the name of the person who asked."""

    request: str
    run: str
    question: str
    asked_by: str


class Rated(Struct, frozen=True, kw_only=True):
    """The rating was saved."""

    request: str
    run: str
    rating: int


class ApprovalUndone(Struct, frozen=True, kw_only=True):
    """The approval was taken back before anything was done. A new request asks the same again."""

    request: str
    run: str


class Done(Struct, frozen=True, kw_only=True):
    """The run was cancelled, resumed or tried again, or one of its copies is sent once more."""

    run: str


class Reassigned(Struct, frozen=True, kw_only=True):
    """Another person decides. `place`: the person in whose place, or None if an approval was missing."""

    request: str
    run: str
    place: Person | None
    to: Person


class SetAway(Struct, frozen=True, kw_only=True):
    """The person is away, now or later. `is_now`: it has begun.

    `stand_in`: who decides for them now; another than the delegate if that one is away as well, and None if no one.
    """

    absence: Absence
    is_now: bool
    stand_in: Person | None = None


class SetBack(Struct, frozen=True, kw_only=True):
    """The person is here. `was_away`: an absence was ended or withdrawn."""

    person: Person
    was_away: bool


class PreferencesSet(Struct, frozen=True, kw_only=True):
    """The preferences of the person. `zone`: of their times of day; `knows_zone`: whether it is known to be theirs."""

    person: Person
    preferences: Preferences
    zone: str
    knows_zone: bool


class AddressReturned(Struct, frozen=True, kw_only=True):
    """The address was given back. `given_to` is None if no person had it before."""

    address: Address
    taken_from: Person
    given_to: Person | None


class Erased(Struct, frozen=True, kw_only=True):
    """The contents of the run were erased."""

    run: str
    entries: int
    """Number of audit entries whose content was erased."""


class SignedOut(Struct, frozen=True, kw_only=True):
    """All browsers of the person were forgotten."""

    person: Person
    browsers: int


class ErasedRuns(Struct, frozen=True, kw_only=True):
    """The contents of some runs were erased. `reached`: the last run that was looked at, or None if that was all."""

    runs: int
    entries: int
    """Number of audit entries whose content was erased."""
    reached: str | None


class PersonErased(Struct, frozen=True, kw_only=True):
    """A part of what names a person was erased. `after`: of the next call, or None if that was all.

    `unfinished`: how many runs name the person and have not ended. As long as there are some, the person's own row
    stays.
    """

    person: str
    pseudonym: str
    runs: int = 0
    entries: int = 0
    """Number of audit entries whose content was erased."""
    unfinished: int = 0
    after: str | None = None


class Refusal(Struct, frozen=True):
    """An expected refusal of a command. Every surface shows it as a sentence."""


class NotFound(Refusal, frozen=True, kw_only=True):
    """There is no such thing. `what`: the kind of thing. `suggestion`: a similar name that exists."""

    what: str
    name: str
    suggestion: str | None = None


class NotAllowed(Refusal, frozen=True, kw_only=True):
    """The actor may not do this; `why` says who may."""

    why: str


class InvalidInputs(Refusal, frozen=True, kw_only=True):
    """`errors`: a predicate for each invalid input, by name. `labels`: the labels of inputs that have one."""

    errors: Mapping[str, str]
    labels: Mapping[str, str] = {}


class InvalidPreferences(Refusal, frozen=True, kw_only=True):
    """The preferences cannot be followed. `what`: the part that is wrong."""

    what: Literal["count", "quiet", "at"]


class AlreadyDecided(Refusal, frozen=True, kw_only=True):
    """Another decision was saved first."""

    state: RequestState
    by: Person | None
    at: datetime
    by_you: bool = False
    about_failure: bool = False
    """Whether it asked what to do about a step that failed."""


class CannotRate(Refusal, frozen=True, kw_only=True):
    """A request is not rated by this person, or not so. `why`: a key of the sentence."""

    why: Literal["off", "not_yours", "not_yet", "rating", "too_long"]


class CannotUndo(Refusal, frozen=True, kw_only=True):
    """The approval cannot be undone. `why`: a key of the sentence.

    `names`: of the people who could, or the last one that the sentence tells of. `at`: when it was too late.
    """

    why: Literal["off", "not_yours", "not_approved", "over", "cancelled", "inactive", "elsewhere"]
    names: tuple[str, ...] = ()
    at: datetime | None = None


class AlreadyUndone(Refusal, frozen=True, kw_only=True):
    """The approval was undone, and the request is closed. `by_you`: by this person."""

    by: Person
    at: datetime
    by_you: bool = False


class CannotRevise(Refusal, frozen=True, kw_only=True):
    """Changes cannot be asked for. `rounds`: how often it was done before, or 0 if the gate does not offer it."""

    rounds: int = 0


class CannotSkip(Refusal, frozen=True, kw_only=True):
    """Only a step that failed can be skipped, and the request is not about a failure."""


class AlreadyVoted(Refusal, frozen=True, kw_only=True):
    """The person has approved this content; others are asked. `all_needed`: each of them has to approve."""

    at: datetime
    waiting: tuple[str, ...]
    all_needed: bool = False


class NotYourTurn(Refusal, frozen=True, kw_only=True):
    """The person belongs to another group of a chain than the one that is asked. `waiting`: the people who are asked.

    `approved_by`: who approved for the group of this person, or None if it is asked later.
    """

    waiting: tuple[str, ...]
    approved_by: str | None = None


class OwnRequest(Refusal, frozen=True, kw_only=True):
    """The person started the run, and the gate leaves its requester out. `approvers`: the people who are asked."""

    approvers: tuple[str, ...]


class OwnEdit(Refusal, frozen=True, kw_only=True):
    """The person changed the content, and the gate wants another person to approve it.

    `all_needed`: each of the `approvers` has to.
    """

    approvers: tuple[str, ...]
    all_needed: bool = False


class HandedOn(Refusal, frozen=True, kw_only=True):
    """Another person decides in the place of this one. `to`: their name."""

    to: str


class DecideAlone(Refusal, frozen=True, kw_only=True):
    """The request cannot be decided together with others. `why`: the reason."""

    why: AloneReason


class CannotAsk(Refusal, frozen=True, kw_only=True):
    """The question cannot be asked. `to`: the name of the person who would be asked, where it matters."""

    why: Literal["off", "empty", "too_long", "too_many", "yourself", "unreachable"]
    to: str = ""


class CannotAnswer(Refusal, frozen=True, kw_only=True):
    """The answer cannot be saved as it is."""

    why: Literal["empty", "too_long"]


class NotAsked(Refusal, frozen=True, kw_only=True):
    """The question is for another person, or none is open. `asked`: the name of the person who is asked."""

    asked: str | None


class AlreadyAnswered(Refusal, frozen=True, kw_only=True):
    """The question has an answer. `by_you`: from this person."""

    by: str
    by_you: bool
    at: datetime


class NoAnswerNeeded(Refusal, frozen=True, kw_only=True):
    """The request was closed before the answer came. `by`: the name of the person who closed it, if one did."""

    state: RequestState
    by: str | None
    at: datetime
    about_failure: bool = False


class CannotTakeOver(Refusal, frozen=True, kw_only=True):
    """The request cannot be passed on to this person. `why`: a word for the reason."""

    name: str
    why: Literal[
        "requester",
        "barred",
        "editor",
        "limit",
        "account",
        "decides",
        "excluded",
        "unknown",
        "guest",
        "inactive",
        "unanswered",
        "yourself",
    ]


class WhosePlace(Refusal, frozen=True, kw_only=True):
    """The owner has to say whose place they pass on. `names`: the people whose decision is missing."""

    names: tuple[str, ...]


class NotAnApprover(Refusal, frozen=True, kw_only=True):
    """`who`: the name or email address of the person who acted, or None if only an account is known."""

    who: str | None
    approvers: tuple[str, ...]


class NoLongerApprover(Refusal, frozen=True, kw_only=True):
    """The person was an approver when the request was opened, and the gate no longer names them."""

    why: str


class Expired(Refusal, frozen=True, kw_only=True):
    """The request expired at this time."""

    at: datetime


class Cancelled(Refusal, frozen=True, kw_only=True):
    """The run was cancelled while the request was open."""

    at: datetime


class Changed(Refusal, frozen=True, kw_only=True):
    """The content is not the content that the person saw."""

    content_version: int


class StillRunning(Refusal, frozen=True, kw_only=True):
    """The trigger starts no run while the run that it started before has not ended."""

    run: str


class WebhookUnknown(Refusal, frozen=True, kw_only=True):
    """No webhook of this name takes the call. Whether there is one, and what is wrong with the proof, is not told."""


class BodyRefused(Refusal, frozen=True, kw_only=True):
    """The body of a call cannot be read, or gives no inputs. `why`: a sentence without a full stop."""

    why: str


class QueueFull(Refusal, frozen=True, kw_only=True):
    """The trigger has as many runs that have not begun as it may have."""

    most: int


class Contested(Refusal, frozen=True, kw_only=True):
    """Other commands changed the request or run at the same moment, several times. Nothing was saved."""

    what: Literal["request", "run"]


class InvalidEdits(Refusal, frozen=True, kw_only=True):
    """`errors`: a predicate for each invalid field, by dotted path. `labels`: the labels of fields that have one."""

    errors: Mapping[str, str]
    labels: Mapping[str, str] = {}


class ReasonMissing(Refusal, frozen=True, kw_only=True):
    """The gate requires a reason for this verdict."""

    verdict: Verdict


class NotWaiting(Refusal, frozen=True, kw_only=True):
    """The run has ended, or does not need an answer. `answer`, `by`, `at`: the answer that was recorded first."""

    run: str
    status: RunStatus
    answer: ResumeAnswer | None = None
    by: Person | None = None
    at: datetime | None = None
