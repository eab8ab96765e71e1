"""One walk of a run: the transitions, each a method that moves the visit at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from engine import audit, requests, timestamps
from engine.audit_entries import EntryKind
from engine.domain import OnError, OnExpiry, Params, RequestState, ResumeAnswer, ReviewPoint, RunStatus, StepStatus
from engine.errors import ExpressionError, InvalidValue, Tampered
from engine.expressions import DECISIONS, resolve_params
from engine.json_values import Value
from engine.requests import Opening, Subject
from engine.retry import MAX_RETRY_AFTER
from engine.runs.state import Act, Event, Failed, OwnerAnswer, Progress, RunState, Visit
from engine.workflowfile import Gate, Step, Workflow
from engine.workflowfile.step_kinds import Nature

STOPPED: Final = "A person stopped the run"
"""How the error of a step begins of which nobody found out whether it happened."""
MAX_CRASHES: Final = 10
"""Calls of one visit that were cut off by a crash before a person is asked, even if the step is idempotent."""
DEFAULT_TIMEOUT: Final = timedelta(seconds=60)
_EFFECT, _SLEEP = Nature.EFFECT, Nature.SLEEP  # each look at an enum takes ten times one at a name, and there are many
_WITH_OUTPUT: Final = frozenset({StepStatus.SUCCEEDED, StepStatus.OUTPUT_IN_REVIEW})
_RETURNED_LENGTH: Final = 4_000
"""Characters of an effect's return that the audit log keeps in full; of a longer one, its digest and length."""


def _outputs(visits: Mapping[str, Visit]) -> dict[str, Value]:
    steps: dict[str, Value] = {}
    for name, visit in visits.items():
        if visit.status in _WITH_OUTPUT:
            steps[name] = visit.output or {}
        elif visit.status is StepStatus.FAILED:
            steps[name] = {"error": visit.error}
    return steps


def _was_asked_about(visit: Visit | None) -> bool:
    """Whether the run came as far as the gate of this step: not where the step was skipped."""
    return visit is not None and visit.status is not StepStatus.SKIPPED


def _names(workflow: Workflow, state: RunState) -> dict[str, Value]:
    """The names that expressions of this run may use, but for `steps`: these stay the same during a walk."""
    return {
        "inputs": dict(state.inputs),
        "trigger": {},
        "run": {
            "id": state.id,
            "workflow": workflow.name,
            "requester": state.requester,
            "started_at": timestamps.iso(state.started_at),
        },
    }


_GoOn = Callable[[Step, Visit, OwnerAnswer], None]


class Transition:
    """One walk, from load to stop. Every method moves the visit at hand by one transition."""

    def __init__(
        self, workflow: Workflow, state: RunState, now: datetime, *, acting: bool = True, asking: bool = True
    ) -> None:
        self.workflow, self.state, self.now, self.acting, self.asking = workflow, state, now, acting, asking
        self.status = RunStatus.RUNNING
        self.cursor = state.cursor
        self.visits = dict(state.visits)
        self.changed: dict[str, Visit] = {}
        self.answer = state.answer
        self.opening: Opening | None = None
        self.act: Act | None = None
        self.ready_at: datetime | None = None
        self.error: str | None = None
        self.events: list[Event] = []
        self.stopped = False
        self._names: dict[str, Value] | None = None

    def progress(self) -> Progress:
        return Progress(
            status=self.status,
            cursor=self.cursor,
            visits=tuple(self.changed.values()),
            opening=self.opening,
            act=self.act,
            ready_at=self.ready_at,
            error=self.error,
            events=tuple(self.events),
        )

    # -- the walk --

    def go(self) -> None:
        if self.state.cancelled and not self.status.ended:
            self._cancel()
        while not self.stopped:
            if self.cursor == len(self.workflow.steps):
                self._end(RunStatus.SUCCEEDED)
            else:
                step = self.workflow.steps[self.cursor]
                self._advance(step, self.visits.get(step.id))

    def _advance(self, step: Step, visit: Visit | None) -> None:
        if visit is None:
            self._enter(step)
        elif visit.status is StepStatus.IN_REVIEW:
            self._reviewed(step, visit, self._go_on_reviewed)
        elif visit.status is StepStatus.OUTPUT_IN_REVIEW:
            self._reviewed(step, visit, self._take_output)
        elif visit.status is StepStatus.READY:
            self._call(step, visit)
        elif visit.status is StepStatus.STARTED:
            self._crashed(step, visit)
        elif visit.status is StepStatus.RETRYING:
            self._when_awake(visit, lambda: self._call(step, visit))
        elif visit.status is StepStatus.SLEEPING:
            self._when_awake(visit, lambda: self._yield(step, visit))
        else:
            # Whatever else a visit may be, only a person's answer moves it on.
            self._wait(RunStatus.NEEDS_ATTENTION, None)

    def _scope(self, visits: Mapping[str, Visit]) -> dict[str, Value]:
        if self._names is None:
            self._names = _names(self.workflow, self.state)
        names = {**self._names, "steps": _outputs(visits)}
        if self.workflow.reads_decisions:
            names[DECISIONS] = self._decisions(visits)
        return names

    def _decisions(self, visits: Mapping[str, Visit]) -> dict[str, Value]:
        """For each step behind us that has a gate: what a person decided; None where no person did."""
        gated = [step.id for step in self.workflow.steps[: self.cursor] if step.gate is not None]
        return {name: self.state.decisions.get(name) for name in gated if _was_asked_about(visits.get(name))}

    def _step(self) -> tuple[Step, Visit]:
        step = self.workflow.steps[self.cursor]
        return step, self.visits[step.id]

    # -- reaching a step --

    def _enter(self, step: Step) -> None:
        previous = self.visits.get(step.id)
        visit = Visit(
            step=step.id,
            index=step.index,
            visit=previous.visit + 1 if previous else 1,
            status=StepStatus.STARTED,
            started_at=self.now,
        )
        names = self._scope(self.visits)
        try:
            if step.when is not None and not requests.truth(step.when, names):
                self._put(replace(visit, status=StepStatus.SKIPPED, ended_at=self.now), EntryKind.STEP_SKIPPED)
                self.cursor += 1
                return
            params = resolve_params(step.params, names)
        except ExpressionError as error:
            self._fail(step, visit, str(error))
            return
        problems = requests.invalid_params(step.kind, params)
        if problems:
            self._fail(step, visit, " ".join(f"{path}: {message}" for path, message in problems.items()))
        elif step.gate is None or not self._opens(step, visit, ReviewPoint.BEFORE, params, names):
            self._begin(step, visit, params, None)

    def _opens(self, step: Step, visit: Visit, at: ReviewPoint, content: Params, names: dict[str, Value]) -> bool:
        rule = step.gate
        if rule is None or rule.at is not at:
            return False
        why = requests.wanted(rule, names)
        if why is False:
            self.events.append(Event(EntryKind.GATE_PASSED, step.id))
            return False
        self._open(rule, step, visit, content, names, why)
        return True

    def _open(
        self, rule: Gate, step: Step, visit: Visit, content: Params, names: dict[str, Value], why: bool | str
    ) -> None:
        if not self.asking:
            # Whoever walks here next comes to the same gate. What the world returned is kept until then.
            if rule.at is ReviewPoint.AFTER:
                self._put(replace(visit, status=StepStatus.OUTPUT_IN_REVIEW))
            self._wait(RunStatus.RUNNING, self.now)
            return
        self.opening = requests.open_request(
            gate=rule, step=step, subject=self._subject(step, visit, rule.at), content=content, scope=names, why=why
        )
        status = StepStatus.IN_REVIEW if rule.at is ReviewPoint.BEFORE else StepStatus.OUTPUT_IN_REVIEW
        self._put(replace(visit, status=status))
        self._wait(RunStatus.WAITING, None)

    def _subject(self, step: Step, visit: Visit, at: ReviewPoint) -> Subject:
        return Subject(
            workflow=self.workflow.name,
            hash=self.workflow.hash,
            run=self.state.id,
            step=step.id,
            visit=visit.visit,
            uses=step.kind.name,
            at=at,
        )

    # -- after a request --

    def _reviewed(self, step: Step, visit: Visit, go_on: _GoOn) -> None:
        answer = self.answer
        if answer is None and visit.status is StepStatus.OUTPUT_IN_REVIEW:
            # What it returned was written down while nobody could say who is asked about it.
            self._complete(step, visit, dict(visit.output or {}))
            return
        if answer is None or answer.state is RequestState.PENDING:
            self._wait(RunStatus.WAITING, None)
            return
        self.answer = None
        if answer.state is RequestState.APPROVED:
            go_on(step, visit, answer)
        elif answer.state is RequestState.EXPIRED and answer.on_expiry is OnExpiry.CONTINUE:
            self.events.append(Event(EntryKind.GATE_UNANSWERED, step.id))
            go_on(step, visit, answer)
        else:
            ends = {
                RequestState.REJECTED: RunStatus.REJECTED,
                RequestState.EXPIRED: RunStatus.EXPIRED,
            }.get(answer.state, RunStatus.CANCELLED)
            self._put(replace(visit, status=StepStatus.STOPPED, ended_at=self.now), EntryKind.STEP_STOPPED)
            self._end(ends)

    def _go_on_reviewed(self, step: Step, visit: Visit, answer: OwnerAnswer) -> None:
        self._begin(step, visit, answer.content, answer.digest)

    def _take_output(self, step: Step, visit: Visit, answer: OwnerAnswer) -> None:
        try:
            self._subject(step, visit, ReviewPoint.AFTER).check(answer.content, answer.digest)
        except Tampered as error:
            self._fail(step, visit, str(error))
            return
        self._succeed(step, visit, answer.content.value)

    # -- doing --

    def _begin(self, step: Step, visit: Visit, params: Params, digest: str | None) -> None:
        visit = replace(visit, params=params, digest=digest, started_at=self.now)
        nature = step.kind.nature
        if nature is _EFFECT:
            self._call(step, visit)
            return
        try:
            if digest is not None:
                self._subject(step, visit, ReviewPoint.BEFORE).check(params, digest)
            if nature is _SLEEP:
                visit = replace(visit, status=StepStatus.SLEEPING, wakes_at=step.kind.wakes_at(params.value, self.now))
                self._put(visit, EntryKind.STEP_SLEEPING, until=str(visit.wakes_at))
            else:
                self._yield(step, visit)
        except (Tampered, InvalidValue) as error:
            self._fail(step, visit, str(error))

    def _call(self, step: Step, visit: Visit) -> None:
        params = visit.params
        assert params is not None
        if not self.acting:
            self._put(replace(visit, status=StepStatus.READY, wakes_at=None))
            self._wait(RunStatus.RUNNING, self.now)
            return
        visit = replace(visit, status=StepStatus.STARTED, attempt=visit.attempt + 1, wakes_at=None)
        self._put(visit, EntryKind.STEP_STARTED, attempt=visit.attempt)
        self.act = Act(
            step=step,
            visit=visit.visit,
            attempt=visit.attempt,
            params=params,
            subject=self._subject(step, visit, ReviewPoint.BEFORE),
            digest=visit.digest,
            timeout=step.timeout or DEFAULT_TIMEOUT,
        )
        self.stopped = True

    def _yield(self, step: Step, visit: Visit) -> None:
        assert visit.params is not None
        self._complete(step, visit, step.kind.produce(visit.params.value))

    def _when_awake(self, visit: Visit, go_on: Callable[[], None]) -> None:
        if visit.wakes_at is not None and visit.wakes_at > self.now:
            self._wait(RunStatus.WAITING, visit.wakes_at)
        else:
            go_on()

    def _crashed(self, step: Step, visit: Visit) -> None:
        """Found started without anybody working on it: the process died between the call and its record."""
        if self._repeatable(step, visit) and visit.attempt < MAX_CRASHES:
            self._call(step, visit)
        else:
            self._park(visit, "The server stopped while this step was under way, so its outcome is unknown.")

    def _repeatable(self, step: Step, visit: Visit) -> bool:
        if step.idempotent is not None:
            return step.idempotent
        return step.kind.idempotent(visit.params.value if visit.params else {})

    # -- outcomes --

    def produced(self, output: dict[str, Value]) -> None:
        step, visit = self._step()
        self._complete(step, visit, output)

    def failed(self, failure: Failed) -> None:
        step, visit = self._step()
        if failure.unknown and not self._repeatable(step, visit):
            self._park(visit, failure.message)
            return
        delay = None if failure.final else step.retry.delay(visit.attempt)
        if delay is None:
            self._fail(step, visit, failure.message)
            return
        wakes_at = self.now + max(delay, min(failure.retry_after or delay, MAX_RETRY_AFTER))
        visit = replace(visit, status=StepStatus.RETRYING, wakes_at=wakes_at, error=failure.message)
        self._put(visit, EntryKind.STEP_RETRYING, attempt=visit.attempt, error=failure.message, until=str(wakes_at))

    def answered(self, answer: ResumeAnswer, output: dict[str, Value]) -> None:
        step, visit = self._step()
        if answer is ResumeAnswer.DONE:
            self._complete(step, visit, output)
        elif answer is ResumeAnswer.REPEAT:
            self._call(step, replace(visit, error=None))
        else:
            self._stopped(step, visit)

    def _complete(self, step: Step, visit: Visit, output: dict[str, Value]) -> None:
        if self.state.cancelled or step.gate is None or step.gate.at is not ReviewPoint.AFTER:
            # If cancelled, nobody is asked any more, but what the world returned is recorded as what it is.
            self._succeed(step, visit, output)
            return
        visit = replace(visit, output=output, error=None, wakes_at=None)
        names = self._scope(self.visits | {step.id: replace(visit, status=StepStatus.SUCCEEDED)})
        if not self._opens(step, visit, ReviewPoint.AFTER, Params(output), names):
            self._succeed(step, visit, output)

    def _succeed(self, step: Step, visit: Visit, output: dict[str, Value]) -> None:
        # An inline output follows from what is recorded already; only what the world returned is worth its bytes.
        effect = step.kind.nature is _EFFECT
        returned = audit.abridged("returned", output, _RETURNED_LENGTH) if effect else {}
        visit = replace(visit, status=StepStatus.SUCCEEDED, output=output, error=None, wakes_at=None, ended_at=self.now)
        self._put(visit, EntryKind.STEP_SUCCEEDED, **returned)
        self.cursor += 1

    def _stopped(self, step: Step, visit: Visit) -> None:
        """A person ends the run instead of finding out what became of the step."""
        why = f"{STOPPED}; whether step {step.id} happened is unknown. {visit.error or ''}".strip()
        self._put(
            replace(visit, status=StepStatus.FAILED, error=why, ended_at=self.now, wakes_at=None),
            EntryKind.STEP_FAILED,
            error=why,
        )
        self._end(RunStatus.FAILED, why)

    def _fail(self, step: Step, visit: Visit, message: str) -> None:
        visit = replace(visit, status=StepStatus.FAILED, error=message, ended_at=self.now, wakes_at=None)
        self._put(visit, EntryKind.STEP_FAILED, error=message)
        if step.on_error is OnError.CONTINUE:
            self.cursor += 1
        else:
            self._end(RunStatus.FAILED, f"Step {step.id} failed: {message}")

    def _park(self, visit: Visit, message: str) -> None:
        self._put(
            replace(visit, status=StepStatus.OUTCOME_UNKNOWN, error=message),
            EntryKind.STEP_OUTCOME_UNKNOWN,
            error=message,
        )
        self._wait(RunStatus.NEEDS_ATTENTION, None)
        self.error = message

    def _cancel(self) -> None:
        step = self.workflow.steps[self.cursor] if self.cursor < len(self.workflow.steps) else None
        visit = self.visits.get(step.id) if step else None
        error = None
        if visit is not None and visit.ended_at is None:
            lost = visit.status in (StepStatus.STARTED, StepStatus.OUTCOME_UNKNOWN)
            status = StepStatus.OUTCOME_UNKNOWN if lost else StepStatus.STOPPED
            error = f"Whether step {visit.step} happened before the run was cancelled is unknown." if lost else None
            self._put(replace(visit, status=status, ended_at=self.now, wakes_at=None), EntryKind.STEP_STOPPED)
        self.ready_at = None
        self._end(RunStatus.CANCELLED, error)

    # -- bookkeeping --

    def _put(self, visit: Visit, kind: EntryKind | None = None, **content: Value) -> None:
        self.visits[visit.step] = self.changed[visit.step] = visit
        if kind is not None:
            self.events.append(Event(kind, visit.step, content))

    def _wait(self, status: RunStatus, until: datetime | None) -> None:
        self.status, self.ready_at, self.stopped = status, until, True

    def _end(self, status: RunStatus, error: str | None = None) -> None:
        self.status, self.error, self.stopped = status, error, True
        self.events.append(Event(EntryKind(f"run.{status}"), None, {"error": error} if error else {}))
