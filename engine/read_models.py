"""The views that reads of the engine return, frozen values built from rows, and `PageQuery`, which selects a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import structs

from engine import json_values
from engine.child_views import ChildView, ItemProgress
from engine.domain import (
    Approver,
    DeliveryKind,
    DeliveryState,
    Origin,
    Params,
    Person,
    Receipt,
    RequestState,
    ResumeAnswer,
    ReviewPoint,
    RunStatus,
    StepStatus,
)
from engine.domain.ask_facts import AskGrant
from engine.domain.oversight import OversightFacts
from engine.domain.workflow_commands import WorkflowState
from engine.fields import Field
from engine.identifiers import in_words
from engine.json_values import Path, Value
from engine.language_model import ModelCall
from engine.oversight.attention import Figures
from engine.requests import Edit, Question, Request, Revision, Undoing, merged_edits, questions
from engine.workflowfile.expected_output import ExpectedOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The electronic signature of a decision: the printed name of the person, the time, and what it means."""

    name: str
    at: datetime
    meaning: str


@dataclass(frozen=True, slots=True)
class StepEffect:
    """What became of an approved step. `ended_at`: when it ended, if it did.

    `worked_at`: when a later try of the step worked, after this one had failed.
    """

    status: StepStatus
    error: str | None = None
    ended_at: datetime | None = None
    worked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """A decision as it is shown."""

    id: str
    person: Person
    verdict: str
    """The label of the button that was pressed."""
    reason: str | None
    edits: tuple[Edit, ...]
    assurance: str
    decided_at: datetime
    signature: Signature | None = None
    """Of a gate that has each decision confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request with what leads to it. `model` is the request as the rules see it."""

    model: Request
    run: str
    run_status: RunStatus
    workflow: str
    workflow_title: str
    workflow_version: int = 0
    step_label: str = ""
    """The title of the step, or its id in words."""
    technical: tuple[str, ...] = ()
    """What of the content people see only under technical details: top-level names, or `item_1.name` of a foreach."""
    requester: Person
    owner: str = ""
    """The id of the workflow's owner."""
    started_at: datetime
    title: str
    reason: str | None
    show: tuple[tuple[str, str], ...]
    models: tuple[tuple[str, str], ...] = ()
    """The language models that drafted what this is about, each with the label of its step."""
    notes: tuple[str, ...]
    confirm: str | None
    approve_label: str
    reject_label: str
    decision: DecisionView | None
    signatures: tuple[Signature, ...] = ()
    """Of a gate that has each decision confirmed: of all who decided on the newest content, the oldest first."""
    approved_before: Mapping[str, int] = field(default_factory=dict)
    """The newest version of the content before the present one that a person approved, by person."""
    asked_to_change: Revision | None = None
    """What an approver of the version before asked for, and that version."""
    unreached: tuple[tuple[Person, str], ...] = ()
    """Approvers whose copy could not be delivered, and why."""
    unposted: tuple[str, str] | None = None
    """The address of the shared copy, and why it could not be posted or updated there."""
    effect: StepEffect | None = None
    """What became of the step that was approved, once it was called or will not be."""
    grant: AskGrant | None = None
    """What became of the approval, if a program asked for it."""
    left_out: str | None = None
    """The name of the requester, if the gate names them and they are not asked."""
    asked_again: Undoing | None = None
    """Who undid the approval of the request before, if this one asks the same again."""
    is_held: bool = False
    """Whether it was approved, and the run waits, so that the approval can be undone."""
    people: Mapping[str, Person] = field(default_factory=dict)
    """The people whose account ids are in the content or the texts, by account id."""
    oversight: OversightFacts | None = None
    """What it is for, if Signoff itself asks. None for a seeded request that waits."""
    hurried: Mapping[str, Figures] = field(default_factory=dict)
    """The figures of the approvers whose card of this waiting request says one thing more, by person."""

    @property
    def id(self) -> str:
        return self.model.id

    @property
    def at(self) -> ReviewPoint:
        return self.model.subject.at

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What was changed in the content as it was asked, so far or with the decision.

        Changes that no decision followed do not count: a run that continues goes on with what was asked.
        """
        if self.decision is not None:
            return self.decision.edits
        return () if self.model.state is RequestState.EXPIRED else merged_edits(self.model.changes)

    @property
    def content_as_asked(self) -> Params:
        """The content when the request opened. That of the model has the changes of approvers before the decision."""
        content = self.model.content
        if not self.model.changes:
            return content
        before = {edit.path: edit.before for edit in merged_edits(self.model.changes)}
        return structs.replace(content, value=json_values.replace_all(content.value, before))

    @property
    def approvers(self) -> tuple[Approver, ...]:
        return self.model.approvers


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswer:
    """The answer of a person about a call of unknown outcome."""

    answer: ResumeAnswer
    person: Person
    assurance: str
    attempt: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One visit of a run to a step."""

    step: str
    label: str
    """The title of the step in the version that the run started with, or its id in words."""
    visit: int
    status: StepStatus
    attempt: int
    params: Params | None
    output: Mapping[str, Value] | None
    error: str | None
    wakes_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    answers: tuple[StepAnswer, ...] = ()
    """The oldest first."""
    model_calls: tuple[ModelCall, ...] = ()
    """The language models that the step asked, the oldest call first."""
    uses: str = ""
    """The kind of the step, if the file can be read."""
    param_labels: Mapping[Path, str] = field(default_factory=dict)
    """The labels that the builder gave to parts of the parameters."""
    output_labels: Mapping[Path, str] = field(default_factory=dict)
    """The labels that the builder gave to parts of the output."""
    is_unreviewed: bool = False
    """Whether it went through its gate without review, because its plan lets a share through."""
    repeats_unknown: bool = True
    """Whether it may be called again although the outcome of the call before is not known; also if the file is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionView:
    """A call of unknown outcome that its owner is asked about.

    `expected`: the values that the answer `done` needs. `technical`: names of the parameters that people see only under
    technical details.
    """

    run: RunView
    step: StepView
    label: str
    uses: str
    expected: ExpectedOutput
    technical: frozenset[str] = frozenset()

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields to ask for, by dotted path in the output of the step; empty if no later step reads it."""
        return self.expected.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as it is shown."""

    id: str
    workspace: str
    workflow: str
    workflow_title: str
    version: int
    status: RunStatus
    requester: Person
    owner: Person
    origin: Origin
    inputs: Mapping[str, Value]
    error: str | None
    ready_at: datetime | None
    started_at: datetime
    ended_at: datetime | None
    cancelled: bool = False
    queued: bool = False
    """Whether it begins when the run before of its trigger has ended."""
    is_erased: bool = False
    """Whether its contents were erased as a whole."""
    is_unreviewed: bool = False
    """Whether it went through a gate without review, because a plan lets a share through."""
    parent: str | None = None
    """The run whose step started it."""
    is_lane: bool = False
    """Whether it works on the items of a foreach of its parent."""
    item: int | None = None
    """The item that it works on."""
    output: Mapping[str, Value] | None = None
    """What it returned, if its workflow declares that."""
    steps: tuple[StepView, ...] = ()
    children: tuple[ChildView, ...] = ()
    """The runs that its steps started, in a view with steps."""
    items: tuple[ItemProgress, ...] = ()
    """How far the items of its foreach steps are, in a view with steps."""
    step_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of all steps of the version by id, in a view with steps."""

    input_labels: Mapping[Path, str] = field(default_factory=dict)
    """The labels that the builder gave to inputs, in a view with steps."""
    current_version: int | None = None
    """The version with which new runs of its workflow start."""

    def step_label(self, step: str) -> str:
        """Return the label of a step, or the id in words if it is not known."""
        return self.step_labels.get(step) or in_words(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A delivery as operators see it."""

    id: str
    kind: DeliveryKind
    topic: str | None
    state: DeliveryState
    person: Person
    channel: str
    address: str
    attempts: int
    wanted_version: int
    shown_version: int
    last_error: str | None
    next_at: datetime | None
    shown_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerView:
    """What starts runs of a workflow by itself. `position`: its place in the file. `next_at`: when a schedule is due.

    `failure`: why it could last not start a run.
    """

    kind: str
    position: int
    next_at: datetime | None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """The current version of a workflow."""

    name: str
    title: str
    version: int
    owner: Person
    source: bytes
    hash: str
    updated_at: datetime
    state: WorkflowState = WorkflowState.ACTIVE
    triggers: tuple[TriggerView, ...] = ()
    owner_rule: str | None = None
    """The role or group that owns it, of which `owner` is the contact."""

    @property
    def next_at(self) -> datetime | None:
        """When its schedules start the next run, or None without a schedule."""
        return min((trigger.next_at for trigger in self.triggers if trigger.next_at is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowName:
    """The name of a workflow, for a choice. `owner`: the id of its owner."""

    name: str
    title: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFilter:
    """Which decisions are exported: made from `since` on and before `until`, of a workflow with this name.

    `owner`: the id of a person whose workflows alone they are about. `workflows`: the names of several, or None.
    """

    since: datetime
    until: datetime | None = None
    workflow: str | None = None
    owner: str | None = None
    workflows: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionExport:
    """An export that the audit log has noted. `decisions`: those that the person may read."""

    decisions: DecisionFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLook:
    """That a person who may decide a request had all of it before them: since when, and on which surface first."""

    person: Person
    first_at: datetime
    surface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedDecision:
    """A decided request. `record`: the facts that were kept with the decision; empty if they were erased.

    `id`: of the decision. `looks`: who is known to have seen the request, in the order in which they did.
    """

    id: str
    view: RequestView
    record: Mapping[str, Any]
    looks: tuple[RequestLook, ...] = ()

    @property
    def is_erased(self) -> bool:
        """Whether the content of the request, or the name of who decided, was erased."""
        return not self.record


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContent:
    """The content of a copy, from the current state. A card is rendered from it."""

    delivery: str
    kind: DeliveryKind
    topic: str | None
    person: Person
    run: RunView
    request: RequestView | None
    created_at: datetime | None = None
    """When the delivery was created, or None if a surface shows the content at once."""
    waiting: tuple[RequestView, ...] = ()
    """Of a reminder: all requests that wait for the person, `request` first; none if it is not needed any more."""
    waiting_in_all: int = 0
    """Of a reminder: how many requests wait for the person, also those that it does not list."""
    told: tuple[str, ...] = ()
    """Of a reminder: the requests that it was sent for and that still wait."""
    below: Receipt | None = None
    """The copy of the request that this message belongs below, where its reader has one at the same address."""

    @property
    def question(self) -> Question | None:
        """The question that this message asks, or whose answer it tells."""
        return questions.question_of(self.topic, self.request.model.questions) if self.request is not None else None

    @property
    def asks_question(self) -> bool:
        """Whether this message asks a question, and does not tell its answer."""
        return questions.asks(self.topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """A page of a list: rows older than the one with the id `before`. `started_only`: no run in which Signoff asks."""

    limit: int = 50
    before: str | None = None
    open_only: bool = False
    started_only: bool = False
