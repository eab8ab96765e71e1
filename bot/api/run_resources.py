"""Runs, requests, deliveries, decisions and workflows as programs read them, and their parts of the document."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from bot.api.ask_resources import ByResource, EditResource, Json, Moment
from bot.presentation.dates import iso
from engine import json_values
from engine.domain import DeliveryState, Person, RequestState, RunStatus, StepStatus
from engine.oversight.risk import RiskLevel
from engine.read_models import DeliveryView, RequestView, RunView, StepView, WorkflowView
from engine.requests import Request

Cursor = Annotated[str | None, Field(description="Send it as `cursor` for the next page; null: there is none.")]


class StepResource(TypedDict):
    """One visit of a run to a step."""

    step: str
    title: str
    visit: int
    status: StepStatus
    attempt: int
    not_reviewed: Annotated[bool, Field(description="It went through its gate without review (sampled out).")]
    output: Json
    error: str | None
    wakes_at: Moment | None
    started_at: Moment | None
    ended_at: Moment | None


class RunResource(TypedDict):
    """A run. `steps` is empty in a list."""

    id: str
    workflow: str
    title: str
    version: int
    status: RunStatus
    requester: ByResource
    owner: ByResource
    inputs: dict[str, Json]
    output: Json
    error: str | None
    parent: Annotated[str | None, Field(description="The run whose step started it.")]
    not_reviewed: Annotated[bool, Field(description="It went through a gate without review (sampled out).")]
    url: Annotated[str | None, Field(description="Its page for people.")]
    started_at: Moment
    ended_at: Moment | None
    steps: list[StepResource]
    created: Annotated[bool, Field(description="Whether this call started it.")]


class RunListResource(TypedDict):
    """A page of runs, the newest first."""

    runs: list[RunResource]
    next_cursor: Cursor


class VerdictResource(TypedDict):
    """The decision that closed a request."""

    id: str
    verdict: Annotated[str, Field(description="The label of the button that was pressed.")]
    by: ByResource
    at: Moment
    reason: str | None
    edits: list[EditResource]
    assurance: Annotated[str, Field(description="How the person proved who they are.")]


class RiskPartResource(TypedDict):
    """A part of a risk."""

    name: str
    text: Annotated[str, Field(description="Its value, as people see it.")]
    counts: Annotated[str, Field(description="The condition that led to the level, or empty.")]
    unclear: Annotated[str, Field(description="Why it could not be told, or empty.")]


class RiskResource(TypedDict):
    """The risk of a request, as its gate tells it."""

    level: RiskLevel
    claimed: Annotated[RiskLevel | None, Field(description="What the program says itself.")]
    parts: list[RiskPartResource]


class RequestResource(TypedDict):
    """A request to people, with what they see."""

    id: str
    run: str
    workflow: str
    step: str
    state: RequestState
    title: str
    reason: str | None
    requester: ByResource
    content: Json
    editable: Annotated[list[str], Field(description="The paths that approvers may change.")]
    digest: str
    approvals: Annotated[str, Field(description="Such as `1 of 2`.")]
    waiting_for: Annotated[list[str], Field(description="The names of the people who are asked now.")]
    opened_at: Moment
    expires_at: Moment | None
    closed_at: Moment | None
    decision: VerdictResource | None
    because: Annotated[str | None, Field(description="Why these people are asked, if a route chose them.")]
    risk: Annotated[RiskResource | None, Field(description="null: its gate does not tell the risk.")]
    url: Annotated[str | None, Field(description="Its page for people.")]


class RequestListResource(TypedDict):
    """A page of requests, the newest first."""

    requests: list[RequestResource]
    next_cursor: Cursor


class DeliveryResource(TypedDict):
    """A copy of a request that one person, channel or program gets."""

    id: str
    kind: str
    state: DeliveryState
    person: ByResource
    channel: str
    address: str
    attempts: int
    last_error: str | None
    next_at: Moment | None
    shown_at: Moment | None


class DeliveryListResource(TypedDict):
    """All copies of a request, or all callbacks of an ask."""

    deliveries: list[DeliveryResource]


class RedeliveryResource(TypedDict):
    """A callback that is sent once more."""

    id: str


class TriggerResource(TypedDict):
    """What starts runs of a workflow by itself."""

    kind: str
    next_at: Moment | None


class WorkflowResource(TypedDict):
    """The current version of a workflow."""

    name: str
    title: str
    version: int
    owner: ByResource
    hash: Annotated[str, Field(description="SHA-256 of its file.")]
    updated_at: Moment
    triggers: list[TriggerResource]


class WorkflowDetailResource(WorkflowResource):
    """The current version of a workflow, with what it takes."""

    takes_asks: Annotated[bool, Field(description="Whether only an ask starts it.")]
    inputs: Annotated[dict[str, Json] | None, Field(description="JSON Schema of its inputs; null: it cannot be read.")]


class WorkflowListResource(TypedDict):
    """All workflows that this key may use or read."""

    workflows: list[WorkflowResource]


class DecisionRecordResource(TypedDict):
    """A decision with all that is kept of it. docs/commands.md describes each of its keys, also those not listed here.

    The keys are those of “Decisions as data” there.
    """

    decision: Annotated[str | None, Field(description="null: it went through its gate without review.")]
    request: Annotated[str | None, Field(description="null: it went through its gate without review.")]
    run: str
    workflow: str
    workflow_version: int
    step: str
    visit: int
    title: str | None
    verdict: Annotated[str, Field(description="Also `not_reviewed`: it went through without review (sampled out).")]
    decided_at: Moment | None
    reason: str | None
    erased: bool


class DecisionListResource(TypedDict):
    """A page of decisions, the oldest first."""

    decisions: list[DecisionRecordResource]
    next_cursor: Cursor


def person(view: Person) -> ByResource:
    """Return a person, or a program, as programs read them."""
    return {"name": view.label, "email": view.email}


def run(view: RunView, *, url: str | None, created: bool = False) -> RunResource:
    """Return a run. `steps` is empty for the view of a list."""
    return {
        "id": view.id,
        "workflow": view.workflow,
        "title": view.workflow_title,
        "version": view.version,
        "status": view.status,
        "requester": person(view.requester),
        "owner": person(view.owner),
        "inputs": dict(view.inputs),
        "output": dict(view.output) if view.output is not None else None,
        "error": view.error,
        "parent": view.parent,
        "not_reviewed": view.is_unreviewed,
        "url": url,
        "started_at": view.started_at.isoformat(),
        "ended_at": iso(view.ended_at),
        "steps": [*map(_step, view.steps)],
        "created": created,
    }


def _step(view: StepView) -> StepResource:
    return {
        "step": view.step,
        "title": view.label,
        "visit": view.visit,
        "status": view.status,
        "attempt": view.attempt,
        "not_reviewed": view.is_unreviewed,
        "output": dict(view.output) if view.output is not None else None,
        "error": view.error,
        "wakes_at": iso(view.wakes_at),
        "started_at": iso(view.started_at),
        "ended_at": iso(view.ended_at),
    }


def request(view: RequestView, *, url: str | None) -> RequestResource:
    """Return a request, with its content as people may see it."""
    model = view.model
    tally = model.tally
    waiting = tally.waiting if model.state is RequestState.PENDING else ()
    return {
        "id": view.id,
        "run": view.run,
        "workflow": view.workflow,
        "step": model.subject.step,
        "state": model.state,
        "title": view.title,
        "reason": view.reason,
        "requester": person(view.requester),
        "content": model.content.shown(),
        "editable": [json_values.show_path(editable.path) for editable in model.editable],
        "digest": model.digest,
        "approvals": f"{_given(model)} of {tally.needed}",
        "waiting_for": [approver.person.label for approver in waiting],
        "opened_at": model.deadlines.opened_at.isoformat(),
        "expires_at": iso(model.deadlines.expires_at),
        "closed_at": iso(model.closed_at),
        "decision": _verdict(view),
        "because": model.because or None,
        "risk": _risk(model),
        "url": url,
    }


def _risk(model: Request) -> RiskResource | None:
    if model.risk is None:
        return None
    told = model.risk.assessment
    parts: list[RiskPartResource] = [
        {"name": part.name, "text": part.text, "counts": part.counts, "unclear": part.unclear} for part in told.parts
    ]
    return {"level": told.level, "claimed": told.claimed, "parts": parts}


def _given(model: Request) -> int:
    """Return how many approvals there are: of an approved request, as many as it needed."""
    return model.tally.needed if model.state is RequestState.APPROVED else len(model.tally.votes)


def _verdict(view: RequestView) -> VerdictResource | None:
    decision = view.decision
    if decision is None:
        return None
    return {
        "id": decision.id,
        "verdict": decision.verdict,
        "by": person(decision.person),
        "at": decision.decided_at.isoformat(),
        "reason": decision.reason,
        "edits": [
            {"path": json_values.show_path(edit.path), "before": edit.before, "after": edit.after}
            for edit in decision.edits
        ],
        "assurance": decision.assurance,
    }


def delivery(view: DeliveryView) -> DeliveryResource:
    """Return a copy, and how far it came."""
    return {
        "id": view.id,
        "kind": view.kind.value,
        "state": view.state,
        "person": person(view.person),
        "channel": view.channel,
        "address": view.address,
        "attempts": view.attempts,
        "last_error": view.last_error,
        "next_at": iso(view.next_at),
        "shown_at": iso(view.shown_at),
    }


def workflow(view: WorkflowView) -> WorkflowResource:
    """Return a workflow."""
    return {
        "name": view.name,
        "title": view.title,
        "version": view.version,
        "owner": person(view.owner),
        "hash": view.hash,
        "updated_at": view.updated_at.isoformat(),
        "triggers": [{"kind": trigger.kind, "next_at": iso(trigger.next_at)} for trigger in view.triggers],
    }
