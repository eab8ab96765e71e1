"""The changes that a transition makes to a run: the moves that every kind of step shares."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from engine import audit
from engine.audit_entries import EntryKind
from engine.domain import OnError, ReviewPoint, RunStatus, StepStatus
from engine.json_values import Value
from engine.oversight.draw import GateDraw
from engine.requests import Opening, Subject
from engine.runs.scope import RunScope
from engine.runs.state import Effect, Event, LanesOrder, Progress, RunOrder, RunState, Visit
from engine.workflowfile import Step, Workflow
from engine.workflowfile.step_kinds import Nature

STOPPED: Final = "The run was stopped before it was clear whether"
"""How the error of a step begins if a person stopped the run without knowing whether the step happened."""
_RETURNS: Final = frozenset({Nature.EFFECT, Nature.RUNS})
"""How steps run whose output the audit log keeps."""
_RETURNED_LENGTH: Final = 4_000
"""Maximum size of an output that the audit log keeps in full, in characters; of a larger one it keeps the digest."""


class RunChanges:
    """Changes of a run, collected in memory: its visits, its status, and what the audit log says of them."""

    def __init__(
        self,
        workflow: Workflow,
        state: RunState,
        now: datetime,
        *,
        may_run_effects: bool = True,
        may_open_requests: bool = True,
        may_start_runs: bool = False,
    ) -> None:
        self.workflow, self.state, self.now = workflow, state, now
        self.may_run_effects, self.may_open_requests = may_run_effects, may_open_requests
        self.may_start_runs = may_start_runs
        self.status = RunStatus.RUNNING
        self.cursor = state.cursor
        self.visits = dict(state.visits)
        self.changed: dict[tuple[str, int], Visit] = {}
        self.review = state.review
        self.opening: Opening | None = None
        self.effect: Effect | None = None
        self.order: RunOrder | LanesOrder | None = None
        self.output: dict[str, Value] | None = None
        self.ready_at: datetime | None = None
        self.error: str | None = None
        self.events: list[Event] = []
        self.let_through: list[GateDraw] = []
        self.stopped = False
        self.released: str | None = None
        self.scope = RunScope(workflow, state)

    def progress(self) -> Progress:
        """Return the state where the run stopped, and what has to be done there."""
        return self.with_ask(self._progress())

    def with_ask(self, progress: Progress) -> Progress:
        """Return the progress with what has changed for a program that asked."""
        return progress

    def _progress(self) -> Progress:
        return Progress(
            status=self.status,
            cursor=self.cursor,
            visits=tuple(self.changed.values()),
            opening=self.opening,
            effect=self.effect,
            ready_at=self.ready_at,
            error=self.error,
            events=tuple(self.events),
            order=self.order,
            output=self.output,
            released=self.released,
            let_through=tuple(self.let_through),
        )

    def current(self) -> tuple[Step, Visit]:
        step = self.workflow.steps[self.cursor]
        return step, self.visits[step.id]

    def new_visit(self, step: Step, previous: Visit | None) -> Visit:
        """Return a new visit to the step, which was visited `previous`ly."""
        return Visit(
            step=step.id,
            index=step.index,
            visit=previous.visit + 1 if previous else 1,
            status=StepStatus.STARTED,
            started_at=self.now,
        )

    def subject(self, step: Step, visit: Visit, at: ReviewPoint) -> Subject:
        return Subject(
            workflow=self.workflow.name,
            hash=self.workflow.hash,
            run=self.state.id,
            step=step.id,
            visit=visit.visit,
            uses=step.kind.name,
            at=at,
        )

    def is_repeatable(self, step: Step, visit: Visit) -> bool:
        if step.idempotent is not None:
            return step.idempotent
        return step.kind.idempotent(visit.params.value if visit.params else {})

    # -- ends of a visit --

    def succeed(self, step: Step, visit: Visit, output: dict[str, Value]) -> None:
        # The output of an inline step follows from entries that exist already. Only that of others is recorded.
        # What the items of a foreach returned is recorded with each of them.
        is_recorded = step.kind.nature in _RETURNS and step.body is None
        returned = audit.abridged("returned", output, _RETURNED_LENGTH) if is_recorded else {}
        visit = replace(visit, status=StepStatus.SUCCEEDED, output=output, error=None, wakes_at=None, ended_at=self.now)
        self.put(visit, EntryKind.STEP_SUCCEEDED, **returned)
        self.cursor = step.following

    def stop_unknown(self, step: Step, visit: Visit) -> None:
        """Fail a step of unknown outcome, because a person stopped the run without finding out."""
        why = f"{STOPPED} “{step.label}” happened. {visit.error or ''}".strip()
        self.put(
            replace(visit, status=StepStatus.FAILED, error=why, ended_at=self.now, wakes_at=None),
            EntryKind.STEP_FAILED,
            error=why,
        )
        self.end(RunStatus.FAILED, why)

    def fail(self, step: Step, visit: Visit, message: str) -> None:
        """Fail a step: the run goes on or ends, as the file says. One that asks people calls `fail_or_ask` instead."""
        visit = replace(visit, status=StepStatus.FAILED, error=message, ended_at=self.now, wakes_at=None)
        self.put(visit, EntryKind.STEP_FAILED, error=message)
        if step.on_error is OnError.CONTINUE:
            self.pass_over(step)
        else:
            self.end_failed(step, message)

    def end_failed(self, step: Step, message: str) -> None:
        """End the run at a step that failed."""
        self.end(RunStatus.FAILED, f"Step “{step.label}” failed: {message}")

    def park(self, visit: Visit, message: str) -> None:
        """Stop the run until its owner says what became of the effect."""
        self.put(
            replace(visit, status=StepStatus.OUTCOME_UNKNOWN, error=message),
            EntryKind.STEP_OUTCOME_UNKNOWN,
            error=message,
        )
        self.wait(RunStatus.NEEDS_ATTENTION, None)
        self.error = message

    # -- the run --

    def pass_over(self, step: Step) -> None:
        """Go on after a step that was not done, nor any step inside it."""
        self.forget(step.inner)
        self.cursor = step.following

    def forget(self, steps: range) -> None:
        """Skip steps that the run leaves out: what they made in an earlier round is no longer theirs."""
        for step in self.workflow.steps[steps.start : steps.stop]:
            earlier = self.visits.get(step.id)
            if earlier is not None and earlier.status is not StepStatus.SKIPPED:
                skipped = self.new_visit(step, earlier)
                self.put(replace(skipped, status=StepStatus.SKIPPED, ended_at=self.now), EntryKind.STEP_SKIPPED)

    def put(self, visit: Visit, kind: EntryKind | None = None, **content: Value) -> None:
        self.visits[visit.step] = self.changed[visit.step, visit.visit] = visit
        if kind is not None:
            self.events.append(Event(kind, visit.step, content))

    def wait(self, status: RunStatus, until: datetime | None) -> None:
        self.status, self.ready_at, self.stopped = status, until, True

    def end(self, status: RunStatus, error: str | None = None) -> None:
        self.status, self.error, self.stopped = status, error, True
        self.events.append(Event(EntryKind(f"run.{status}"), None, {"error": error} if error else {}))
