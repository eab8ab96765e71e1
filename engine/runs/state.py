"""The values of the state machine: the state of a run, the outcome of an effect, and the progress of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field

from engine import json_values
from engine.audit_entries import EntryKind
from engine.domain import OnExpiry, Params, RequestState, RunStatus, StepStatus
from engine.domain.asks import AskStatus
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.oversight.draw import DrawnPlan, GateDraw
from engine.requests import Opening, Revision, Subject
from engine.runs.items import ItemList, Lane
from engine.workflowfile import Step

MAX_OUTPUT: Final = 1_500_000
"""Maximum size of the output of one step, in characters of JSON. Larger data belongs in a file store."""


_WITH_PARAMS: Final = frozenset(
    {
        StepStatus.READY,
        StepStatus.SLEEPING,
        StepStatus.IN_RUNS,
        StepStatus.FAILURE_IN_REVIEW,
        StepStatus.GRANTED,
    }
)


FindPlan = Callable[[Subject, str, bool], DrawnPlan]
"""Returns the sampling plan that counts what a gate is about, by its class; the last argument: whether someone has to
be able to look now, because the gate counts working hours."""


class Visit(Struct, frozen=True, kw_only=True):
    """One visit of a run to a step. `attempt` counts the calls of the step in this visit."""

    step: str
    index: int
    visit: int = 1
    status: StepStatus
    attempt: int = 0
    params: Params | None = None
    digest: str | None = None
    """The digest that was approved for `params`, or None if no approval was needed."""
    output: dict[str, Value] | None = None
    error: str | None = None
    wakes_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    item: int | None = None
    """The item of a foreach that it belongs to, in a lane."""

    @property
    def keeps_params(self) -> bool:
        """Whether the parameters are stored with the visit: those of an inline step are not needed once it is over."""
        return self.attempt > 0 or self.status in _WITH_PARAMS


class ReviewResult(Struct, frozen=True, kw_only=True):
    """The request of the current visit and its state. `content` includes the edits; `digest` is its digest."""

    request: str = ""
    state: RequestState
    content: Params
    digest: str
    on_expiry: OnExpiry = OnExpiry.STOP
    as_asked: Params | None = None
    """The content when the request opened, if it is asked again, or approvers changed it and too few approved that."""
    edited_by: tuple[str, str] | None = None
    """The id and the name of the person who edited the content with an answer to a failure."""
    closed_at: datetime | None = None
    edited_before: tuple[str, ...] = ()
    """The ids of the people who changed the content before it was asked, if it is asked again."""


class ChildRun(Struct, frozen=True, kw_only=True):
    """A run that a step started, as its parent sees it. `title`: of its workflow."""

    run: str
    title: str
    status: RunStatus
    output: dict[str, Value] | None = None
    error: str | None = None


class NotStarted(Struct, frozen=True):
    """Why a step could not start its run, as a sentence."""

    message: str


class LanesOrder(Struct, frozen=True, kw_only=True):
    """The lanes that a visit to a foreach is about to start. `fingerprint`: of its items, if people reviewed them."""

    step: str
    visit: int
    fingerprint: str | None


class LanePlace(Struct, frozen=True):
    """Where a lane is: the number of its item, and the number from which visits belong to that item."""

    item: int | None
    since: int


class RunOrder(Struct, frozen=True, kw_only=True):
    """A run that a visit is about to start."""

    step: str
    visit: int
    workflow: str
    inputs: dict[str, Value]


class RunState(Struct, frozen=True, kw_only=True):
    """A run as loaded. `visits`: the latest visit of each step, by step id. `cursor`: the index of the current step."""

    id: str
    status: RunStatus
    cursor: int
    inputs: Mapping[str, Value]
    requester: str
    started_at: datetime
    visits: Mapping[str, Visit] = field(default_factory=dict)
    review: ReviewResult | None = None
    decisions: Mapping[str, tuple[int, Value]] = field(default_factory=dict)
    """The latest decisions with the visit that each is about, by step id. Loaded only for workflows that read them."""
    revisions: tuple[Revision, ...] = ()
    """The changes that approvers asked for, the oldest first. Loaded only for workflows that offer it."""
    children: tuple[ChildRun, ...] = ()
    """The runs that the current visit started."""
    items: ItemList | None = None
    """The items of the foreach that the run is at."""
    lane: Lane | None = None
    """Whose items the run works on, if it is a lane."""
    started: Mapping[tuple[str, int], ChildRun | NotStarted] = field(default_factory=dict)
    """The runs that this unit of work started, or could not start, by the step and visit of their orders."""
    asked_attempt: int = 0
    """The call in the current visit about whose failure people were asked last. Loaded only where they can be asked."""
    cancelled: bool = False
    find_plan: FindPlan | None = None
    """Finds the sampling plan of a gate. Set only for workflows that have some; without it everything is reviewed."""


class AskProgress(Struct, frozen=True, kw_only=True):
    """How far the ask is that a run is about. `step`: the step that it came to, and `digest`, of its arguments there.

    `is_known`: it is known what became of an approval that was consumed; `is_unknown`: it is not, and the time to say
    so is over. `lapsed`: the approval was not used in time.
    """

    status: AskStatus
    step: str | None = None
    digest: str | None = None
    valid_until: datetime | None = None
    is_known: bool = False
    is_unknown: bool = False
    lapsed: bool = False


class Effect(Struct, frozen=True, kw_only=True):
    """A call of a step that has to be made outside of any transaction, with exactly these parameters."""

    step: Step
    visit: int
    attempt: int
    params: Params
    subject: Subject
    digest: str | None
    timeout: timedelta


class Event(Struct, frozen=True):
    """A transition for the audit log. `content` may be erased later; `kind` and `step` may not."""

    kind: EntryKind
    step: str | None = None
    content: Mapping[str, Value] = field(default_factory=dict)


class Progress(Struct, frozen=True, kw_only=True):
    """The state to save, and where the run stopped.

    Exactly one of these holds: the run ended, it has an `effect`, it goes on at `ready_at`, or it waits for people or
    for runs that it started. A progress with an `order` is not saved: the caller starts that run, and moves the run
    again with `RunState.started`. `output`: what the run returns.
    """

    status: RunStatus
    cursor: int
    visits: tuple[Visit, ...]
    opening: Opening | None
    effect: Effect | None
    ready_at: datetime | None
    error: str | None
    events: tuple[Event, ...]
    order: RunOrder | LanesOrder | None = None
    lane: LanePlace | None = None
    output: dict[str, Value] | None = None
    released: str | None = None
    """The request whose approval can no longer be undone since this transition."""
    ask: AskProgress | None = None
    """How far the ask is that the run is about, if that has changed."""
    let_through: tuple[GateDraw, ...] = ()
    """The gates whose sampling plans let the run through without review."""


class StepOutput(Struct, frozen=True):
    """The output of an effect that succeeded."""

    output: dict[str, Value]


class StepFailure(Struct, frozen=True, kw_only=True):
    """The failure of an effect. `unknown`: the effect may have happened. `final`: another call cannot succeed."""

    message: str
    unknown: bool = False
    final: bool = False
    retry_after: timedelta | None = None


Outcome = StepOutput | StepFailure


def checked_output(returned: object) -> dict[str, Value]:
    """Return the output of a step as it is stored. Raises `InvalidValue` if it is no mapping, or too large."""
    output = json_values.clean(returned)
    if not isinstance(output, dict):
        raise InvalidValue("it is not a mapping")
    length = len(json_values.dumps(output))
    if length > MAX_OUTPUT:
        raise InvalidValue(f"it is {length:,} characters long; at most {MAX_OUTPUT:,} are kept")
    return output
