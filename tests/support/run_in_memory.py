"""Runs the state machine without a store: each transition is kept in memory, as the tables would keep it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine import json_values, requests, runs, workflowfile
from engine.domain import (
    Address,
    Approver,
    Assurance,
    Decide,
    OnExpiry,
    Origin,
    Person,
    RequestState,
    ResumeAnswer,
    RunStatus,
    Verdict,
)
from engine.json_values import Value
from engine.requests import Deadlines, Opening, Request, Revision
from engine.runs import Effect, Outcome, Progress, ReviewResult, RunState, Visit
from engine.steps.branch import BranchStep
from engine.steps.set import SetStep
from engine.steps.wait import WaitStep
from engine.workflowfile import Workflow
from tests.support.copies import replace_fields
from tests.support.fakes import START, Call

KINDS = {kind.name: kind for kind in (SetStep(), WaitStep(), BranchStep(), Call())}
LEE = Person("p1", "Lee", (Address("email", "lee@example.com"),))
KIM = Person("p2", "", (Address("email", "kim@example.com"),))
EVE = Person("p3", "Eve", (Address("email", "eve@example.com"),))


def load(steps: str) -> Workflow:
    """Return a workflow with these steps, and inputs of every kind to choose from."""
    head = "name: demo\ninputs: {amount: {type: number, required: false}, any: {type: json, required: false}}\nsteps:\n"
    return workflowfile.load((head + textwrap.indent(textwrap.dedent(steps), "  ")).encode(), kinds=KINDS)


@dataclass
class RunInMemory:
    """One run that a test moves forward."""

    workflow: Workflow
    state: RunState
    now: datetime = START
    last: Progress | None = None

    @classmethod
    def of(cls, steps: str, **inputs: Value) -> RunInMemory:
        all_inputs: dict[str, Value] = {"amount": None, "any": None, **inputs}
        state = RunState(
            id="r1", status=RunStatus.RUNNING, cursor=0, inputs=all_inputs, requester="Ann", started_at=START
        )
        return cls(load(steps), state)

    def proceed(self, *, may_run_effects: bool = True) -> Progress:
        return self._apply(runs.proceed(self.workflow, self.state, now=self.now, may_run_effects=may_run_effects))

    def record(self, outcome: Outcome) -> Progress:
        return self._apply(runs.record(self.workflow, self.state, outcome, now=self.now))

    def resume(self, answer: ResumeAnswer, **output: Value) -> Progress:
        return self._apply(runs.resume(self.workflow, self.state, answer, output=output, now=self.now))

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def cancel(self) -> None:
        self.state = replace_fields(self.state, cancelled=True)

    def answer(self, state: RequestState, *, on_expiry: OnExpiry = OnExpiry.STOP, **edits: Value) -> Progress:
        """Decide the request that was opened last, and proceed. Edits of one that expires were not approved."""
        opening = self.opening
        as_asked = opening.content if edits and state is RequestState.EXPIRED else None
        content = replace_fields(opening.content, value={**opening.content.value, **edits})
        digest = opening.subject.digest(content)
        review = ReviewResult(state=state, content=content, digest=digest, on_expiry=on_expiry, as_asked=as_asked)
        self.state = replace_fields(self.state, review=review)
        return self.proceed()

    def ask_for_changes(self, comment: str) -> Progress:
        """Ask for changes at the request that was opened last, and proceed."""
        by = {"person": LEE.id, "name": LEE.name, "address": "lee@example.com"}
        step, content = self.opening.subject.step, self.opening.content
        asked = Revision(step=step, request="q1", comment=comment, content=content, edits={}, at=self.now, **by)
        self.state = replace_fields(self.state, revisions=(*self.state.revisions, asked))
        return self.answer(RequestState.CHANGES_REQUESTED)

    @property
    def opening(self) -> Opening:
        assert self.last is not None
        assert self.last.opening is not None
        return self.last.opening

    @property
    def effect(self) -> Effect:
        assert self.last is not None
        assert self.last.effect is not None
        return self.last.effect

    def visit(self, step: str) -> Visit:
        return self.state.visits[step]

    def kinds(self) -> list[str]:
        """Return the kinds of the events of the last transition."""
        assert self.last is not None
        return [event.kind for event in self.last.events]

    def _apply(self, progress: Progress) -> Progress:
        visits = {**self.state.visits, **{visit.step: visit for visit in progress.visits}}
        self.state = replace_fields(
            self.state, status=progress.status, cursor=progress.cursor, visits=visits, review=None
        )
        self.last = progress
        return progress


def request_of(opening: Opening, **changes: Any) -> Request:
    """Return the request that this opening becomes, with its content read back from its stored form."""
    request = Request(
        id="q1",
        workspace="default",
        subject=opening.subject,
        state=RequestState.PENDING,
        rev=1,
        content_version=1,
        content=type(opening.content).from_value(json_values.loads(json_values.dumps(opening.content.as_value()))),
        editable=opening.editable,
        digest=opening.digest,
        approvers=(Approver(LEE, "lee@example.com"), Approver(KIM, "kim@example.com")),
        reason_required=opening.reason_required,
        deadlines=opening.deadlines(START, falls_back=False),
    )
    clocks = {name: changes.pop(name) for name in list(changes) if name in Deadlines.__struct_fields__}
    return replace_fields(request, deadlines=replace_fields(request.deadlines, **clocks), **changes)


def opening_of(step: str, **inputs: Value) -> Opening:
    """Return the opening of the gate of a workflow with only this step."""
    run = RunInMemory.of(step, **inputs)
    run.proceed()
    return run.opening


def command(request: Request, **changes: Any) -> Decide:
    approve = Decide(
        request=request.id,
        verdict=Verdict.APPROVE,
        actor=LEE.addresses[0],
        content_version=request.content_version,
        digest=request.digest,
        origin=Origin(surface="api"),
        assurance=Assurance.CODE,
    )
    return replace_fields(approve, **changes)


def decide(request: Request, *, person: Person | None = LEE, now: datetime = START, **changes: Any) -> Any:
    """Decide a request, and return the ruling or the refusal. `changes` replace fields of the command."""
    kind = KINDS[request.subject.uses]
    return requests.decide(request, command(request, **changes), kind=kind, person=person, now=now)
