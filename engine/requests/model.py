"""A request: its subject, its content and its state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine import json_values
from engine.domain import (
    EVERY_WAY,
    AloneReason,
    Approver,
    Assurance,
    Params,
    Person,
    QuestionRule,
    ReasonRequired,
    RequestState,
    ReviewPoint,
    Ways,
)
from engine.domain.ask_facts import AskFacts
from engine.errors import MISSING, Tampered
from engine.fields import Field
from engine.identifiers import end_in_words
from engine.json_values import Path, Value
from engine.requests.deadlines import Deadlines
from engine.requests.policy import ANY_ONE, Policy, Tally, Vote, tally
from engine.requests.request_amount import RequestAmount
from engine.requests.request_risk import RequestRisk
from engine.requests.separation import Separation
from engine.workflowfile.schema_errors import describe_error
from engine.workflowfile.step_kinds import FORM, StepKind
from engine.workflowfile.workflow import QUESTIONS

REASON_LENGTH: Final = 3000
"""Maximum length of a reason, of the gate or of a decision, in characters."""


class Subject(Struct, frozen=True, kw_only=True):
    """The step and visit that a request is about. The digest covers the subject and the content.

    `disguises`: the subject in whose place people read this one; the digest covers that.
    """

    workflow: str
    hash: str
    run: str
    step: str
    visit: int
    uses: str
    at: ReviewPoint
    disguises: Subject | None = None

    @property
    def is_form(self) -> bool:
        """Whether approvers fill in the content, instead of approving it."""
        return self.uses == FORM

    @property
    def is_failure(self) -> bool:
        """Whether people are asked what to do about a failure of the step."""
        return self.at is ReviewPoint.FAILED

    def digest(self, content: Params) -> str:
        """Return the SHA-256 of subject and content, which ties decision and effect to the content that was shown."""
        if self.disguises is not None:
            return self.disguises.digest(content)
        return json_values.digest(
            {
                "workflow": self.workflow,
                "hash": self.hash,
                "run": self.run,
                "step": self.step,
                "visit": self.visit,
                "uses": self.uses,
                "at": self.at,
                "content": content.as_value(),
            }
        )

    def check(self, content: Params, digest: str) -> None:
        """Raise `Tampered` if `digest` is not the digest of `content`."""
        if self.digest(content) != digest:
            raise Tampered("What is about to run is not what was approved, so nothing was run.")


class Edit(Struct, frozen=True):
    """One field changed by a person."""

    path: Path
    label: str
    before: Value
    after: Value

    def as_value(self) -> dict[str, Value]:
        return {"path": list(self.path), "label": self.label, "before": self.before, "after": self.after}

    @classmethod
    def from_value(cls, stored: Any) -> Edit:
        """Read an edit that `as_value` wrote."""
        return cls(tuple(stored["path"]), stored["label"], stored["before"], stored["after"])


class Editable(Struct, frozen=True):
    """A place in the content that an approver may change, and its field."""

    path: Path
    field: Field

    @property
    def label(self) -> str:
        """The label of the field, or the end of its path in words."""
        return self.field.label or end_in_words(json_values.show_path(self.path))


class ContentChange(Struct, frozen=True):
    """What a person changed in the content while other approvals were missing. `version`: of the content after it."""

    version: int
    person: Person
    at: datetime
    edits: tuple[Edit, ...]


class Question(Struct, frozen=True, kw_only=True):
    """A question of an approver to a person, before they decide, with the answer."""

    id: str
    asked_by: Person
    asked_to: Person
    text: str
    asked_at: datetime
    answer: str | None = None
    answered_by: Person | None = None
    answered_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Return whether it waits for an answer."""
        return self.answered_at is None


class Rating(Struct, frozen=True):
    """How a person rated what they were asked about, from 1 to 5."""

    person: Person
    rating: int
    comment: str | None
    at: datetime


class Undoing(Struct, frozen=True):
    """Who took the approval of a request back, and when."""

    person: Person
    at: datetime


class Revision(Struct, frozen=True, kw_only=True):
    """What an approver asked to be changed: the content that they saw, with what was changed by hand.

    `edits`: the new values by path. `step`: of the gate.
    """

    step: str
    request: str
    person: str
    """The id of the person who asked."""
    name: str
    address: str
    comment: str
    at: datetime
    content: Params
    edits: Mapping[Path, Value]


class RevisionOffer(Struct, frozen=True, kw_only=True):
    """How often changes were asked for at this gate before, and how often they still can be.

    `previous`: the request in which changes were asked for last. `authors`: the ids of the people who asked.
    """

    rounds: int = 0
    left: int = 0
    previous: str | None = None
    authors: tuple[str, ...] = ()


class Request(Struct, frozen=True, kw_only=True):
    """A request as loaded for a decision or a deadline."""

    id: str
    workspace: str
    requester: str | None = None
    """The id of the person who started the run."""
    subject: Subject
    state: RequestState
    rev: int
    content_version: int
    content: Params
    editable: tuple[Editable, ...]
    declared: tuple[Editable, ...] = ()
    """Places that cannot be edited, with the declared field that gives their label and type."""
    digest: str
    approvers: tuple[Approver, ...]
    backups: tuple[Approver, ...] = ()
    """The people who are asked as well if there is no decision in time. After that they are `approvers` too."""
    reason_required: ReasonRequired
    deadlines: Deadlines
    ways: Ways = EVERY_WAY
    assurance: Assurance = Assurance.CODE
    confirm_with: Assurance | None = None
    """What has to confirm a decision anew: a code or a sign-in."""
    alone: AloneReason | None = None
    """Why it is not decided together with others, if its gate says so."""
    closed_at: datetime | None = None
    closed_by: Person | None = None
    policy: Policy = ANY_ONE
    separation: Separation = Separation()
    votes: tuple[Vote, ...] = ()
    """The approvals of the current content, the oldest first, while others are missing."""
    feedback: bool = False
    """Whether those who decide are asked for a rating and a comment."""
    revision: RevisionOffer | None = None
    """Whether changes can be asked for, and how often they were, if the gate offers it."""
    edited_before: tuple[str, ...] = ()
    """The ids of the people who changed the content before the request opened, after an earlier call failed."""
    hold: timedelta | None = None
    """How long the run waits after the approval, which can be undone until then."""
    ask: AskFacts | None = None
    """What it tells about the program that asks, if one does."""
    because: str = ""
    """Why these people are asked, if a route chose them."""
    risk: RequestRisk | None = None
    """Its risk, if the gate tells it."""
    amount: RequestAmount | None = None
    """The amount that the limits of approvers are compared with."""
    plan: str | None = None
    """The sampling plan that counts its decision, if its gate has one that does."""
    undone: Undoing | None = None
    """Who took the approval back, if the state is `undone`."""
    ratings: tuple[Rating, ...] = ()
    """The ratings so far, the oldest first."""
    question_rule: QuestionRule = QUESTIONS
    questions: tuple[Question, ...] = ()
    """The questions of approvers, the oldest first."""
    changes: tuple[ContentChange, ...] = ()
    """The changes that made a new version of the content, the oldest first."""

    @property
    def hold_ends_at(self) -> datetime | None:
        """When the run goes on with what was approved, or None if nothing was, or the gate has no `hold`."""
        if self.hold is None or self.closed_at is None or self.state is not RequestState.APPROVED:
            return None
        return self.closed_at + self.hold

    @property
    def eligible(self) -> tuple[Approver, ...]:
        """The approvers who were not excluded since the request was opened."""
        return tuple(approver for approver in self.approvers if approver.may_decide)

    @property
    def needs_account(self) -> bool:
        """Whether a person can decide only with an account."""
        return Assurance.SSO in (self.assurance, self.confirm_with)

    @property
    def zones(self) -> tuple[str | None, ...]:
        """The time zones of the people who are asked, whose working hours count."""
        return tuple({approver.person.zone for approver in self.tally.waiting})

    @property
    def editors(self) -> frozenset[str]:
        """The ids of the people who may not approve, because the content has changes of theirs."""
        if not self.separation.editor:
            return frozenset()
        asked = self.revision.authors if self.revision is not None else ()
        return frozenset([*(change.person.id for change in self.changes), *asked, *self.edited_before])

    @property
    def limited(self) -> frozenset[str]:
        """The ids of the approvers who may not approve the present content: the amount is above their limit."""
        if self.amount is None:
            return frozenset()
        return self.amount.limited(self.content, [row.person.id for row in self.approvers])

    @property
    def tally(self) -> Tally:
        """How far the approvals of the current content have come."""
        return self.tally_of(self.votes)

    def tally_of(self, votes: tuple[Vote, ...], *, editors: frozenset[str] = frozenset()) -> Tally:
        """Return how far these votes have come. `editors`: people who change the content with this decision."""
        editors |= self.editors | self.limited
        return tally(self.policy, [row for row in self.approvers if row.person.id not in editors], votes)


def merged_edits(changes: Iterable[ContentChange], last: Iterable[Edit] = ()) -> tuple[Edit, ...]:
    """Return what several changes, the oldest first, changed together: values that came back are left out."""
    by_path: dict[Path, Edit] = {}
    for edit in (*(edit for change in changes for edit in change.edits), *last):
        first = by_path.get(edit.path, edit)
        by_path[edit.path] = replace(edit, before=first.before)
    return tuple(edit for edit in by_path.values() if edit.before != edit.after)


def clip(text: str, length: int) -> str:
    """Return the text, cut to `length` characters with an ellipsis at the end."""
    return text if len(text) <= length else text[: length - 1] + "…"


@lru_cache(256)
def _accepts_anything(params: type[BaseModel]) -> bool:
    """Return whether the model accepts any parameters, as for `set`: then validation is skipped."""
    rules = params.__pydantic_decorators__
    validators = rules.model_validators or rules.field_validators or rules.root_validators or rules.validators
    return not params.model_fields and params.model_config.get("extra") == "allow" and not validators


def invalid_params(kind: StepKind, params: Params) -> dict[str, str]:
    """Return a predicate for each parameter that the step refuses, by dotted path."""
    if _accepts_anything(kind.Params):
        return {}
    try:
        kind.Params.model_validate(params.shown())
    except ValidationError as error:
        return {json_values.show_path(tuple(item["loc"])) or "with": _predicate(item) for item in error.errors()}
    return {}


def _predicate(error: ErrorDetails) -> str:
    """Return an error so that it reads on after the name of the value, if its sentence allows that."""
    sentence = describe_error(error)
    reads_on = sentence.startswith("This must ")
    return MISSING if error["type"] == "missing" else sentence[5:].removesuffix(".") if reads_on else sentence
