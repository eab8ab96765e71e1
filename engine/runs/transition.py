"""The transitions of a run, from the state that was loaded to the state where it has to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from engine import requests
from engine.audit_entries import EntryKind
from engine.domain import OnExpiry, Params, RequestState, ResumeAnswer, ReviewPoint, RunStatus, StepStatus
from engine.errors import ExpressionError, InvalidValue, Tampered, about
from engine.identifiers import end_in_words
from engine.json_values import Value
from engine.retry import MAX_RETRY_AFTER
from engine.runs import branches, child_runs, items
from engine.runs.gates import Gates
from engine.runs.grants import RefusedAsk
from engine.runs.held_reviews import AfterReview
from engine.runs.state import ChildRun, Effect, Event, NotStarted, ReviewResult, StepFailure, Visit
from engine.workflowfile import Step
from engine.workflowfile.step_kinds import Nature

MAX_CRASHES: Final = 10
"""Number of calls of one visit that a crash may cut off before the owner is asked, even if the step is idempotent."""
DEFAULT_TIMEOUT: Final = timedelta(seconds=60)
"""How long one call of a step may take if the workflow sets no timeout."""
# Module names, because they are read at each step, and reading a member of an enum class takes longer.
_EFFECT, _SLEEP, _RUNS, _GRANT = Nature.EFFECT, Nature.SLEEP, Nature.RUNS, Nature.GRANT
_OVER: Final = frozenset({StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.FAILED, StepStatus.STOPPED})
_ASKED: Final = frozenset(
    {StepStatus.IN_REVIEW, StepStatus.OUTPUT_IN_REVIEW, StepStatus.HELD, StepStatus.FAILURE_IN_REVIEW}
)
"""Statuses in which the request of a visit says how it goes on."""
_ENDS: Final = {RequestState.REJECTED: RunStatus.REJECTED, RequestState.EXPIRED: RunStatus.EXPIRED}
"""How a run ends whose request was not approved. In any other state, the run is cancelled."""
_CANCELLED: Final = {StepStatus.FAILURE_IN_REVIEW: StepStatus.FAILED}
"""Statuses of a step in a run that is cancelled, where it is not simply stopped."""


class Transition(Gates):
    """Moves a run forward in memory. Each private method makes one transition of the current visit."""

    # -- from step to step --

    def run(self) -> None:
        """Move the run forward until it has to stop."""
        if self.state.cancelled and not self.status.ended:
            self._cancel()
        while not self.stopped:
            if self.cursor == len(self.workflow.steps):
                self._finish()
            else:
                step = self.workflow.steps[self.cursor]
                self._advance(step, self.visits.get(step.id))

    def _finish(self) -> None:
        """End a run that has no more steps, with the output that the workflow declares."""
        try:
            self.output = child_runs.render_output(self.workflow, self.scope.names(self.visits, self.cursor))
        except (ExpressionError, InvalidValue) as error:
            self.end(RunStatus.FAILED, f"Every step is done, but the run has no output: {error}")
        else:
            self.end(RunStatus.SUCCEEDED)

    def _advance(self, step: Step, visit: Visit | None) -> None:
        if visit is None or visit.status in _OVER:
            # The run came back to the step, or jumped to it again.
            self.enter(step)
        elif visit.status in _ASKED:
            self._after_request(step, visit)
        elif visit.status is StepStatus.READY:
            self._go(step, visit)
        elif visit.status is StepStatus.PREPARING:
            self._after_preparation(step, visit)
        elif visit.status is StepStatus.IN_RUNS:
            self._after_runs(step, visit, self.state.children)
        elif visit.status is StepStatus.GRANTED:
            self.after_grant(visit)
        elif visit.status is StepStatus.STARTED:
            self._recover(step, visit)
        elif visit.status is StepStatus.RETRYING:
            self._when_awake(visit, lambda: self.call(step, visit))
        elif visit.status is StepStatus.SLEEPING:
            self._when_awake(visit, lambda: self._produce(step, visit))
        else:
            # In any other status, only a person's answer moves the run forward.
            self.wait(RunStatus.NEEDS_ATTENTION, None)

    # -- entering a step, and its gate --

    def enter(self, step: Step) -> None:
        visit = self.new_visit(step, self.visits.get(step.id))
        names = self.scope.names(self.visits, self.cursor)
        try:
            if step.when is not None and not requests.truth(step.when, names):
                self.put(replace(visit, status=StepStatus.SKIPPED, ended_at=self.now), EntryKind.STEP_SKIPPED)
                self.pass_over(step)
                return
            if step.paths:
                self._branch(step, visit, names)
                return
            params = self.params_of(step, names)
        except RefusedAsk as error:
            self.refuse(visit, str(error))
            return
        except ExpressionError as error:
            self.fail_or_ask(step, visit, str(error))
            return
        problems = requests.invalid_params(step.kind, params)
        if problems:
            wrong = (about(f"“{end_in_words(path)}”", problem) for path, problem in problems.items())
            self.fail_or_ask(step, replace(visit, params=params), " ".join(wrong))
        elif step.body is not None:
            self._prepare(step, visit)
        elif step.gate is None or not self.try_open(step, visit, ReviewPoint.BEFORE, params, names):
            self.begin(step, visit, params, None)

    def _prepare(self, step: Step, visit: Visit) -> None:
        """Let the items of a foreach be written down, part by part, before anything is asked or done."""
        self.forget(step.inner)
        self.put(replace(visit, status=StepStatus.PREPARING))
        self.wait(RunStatus.RUNNING, self.now)

    def _after_preparation(self, step: Step, visit: Visit) -> None:
        """Ask about all items together, or begin with them, once they are written down."""
        listed = self.state.items
        if listed is None or not listed.is_written:
            self.wait(RunStatus.RUNNING, self.now)
            return
        failure = items.failure_of(step, listed)
        if failure is not None:
            self.fail_or_ask(step, visit, failure)
            return
        content = items.reviewed_content(listed) if step.gate is not None else Params({})
        names = self.scope.names(self.visits, self.cursor)
        if not listed.waiting or not self.try_open(step, visit, ReviewPoint.BEFORE, content, names):
            self.begin(step, visit, content, None)
        elif self.opening is not None:
            self.opening = replace(self.opening, technical=items.technical_paths(self.workflow, step, content))

    def _branch(self, step: Step, visit: Visit, names: dict[str, Value]) -> None:
        """Go on with the first path whose condition is true, or after the branch if there is none."""
        chosen, output = branches.choose(step, names)
        visit = replace(visit, status=StepStatus.SUCCEEDED, output=output, ended_at=self.now)
        self.put(visit, EntryKind.STEP_SUCCEEDED, **output)
        for path in step.paths:
            if path is not chosen:
                self.forget(path.steps)
        self.cursor = chosen.steps.start if chosen else step.following

    # -- after a request --

    def _after_request(self, step: Step, visit: Visit) -> None:
        if visit.status is StepStatus.FAILURE_IN_REVIEW:
            self.after_failure(step, visit)
        else:
            # A step that has run has an output.
            self._after_review(step, visit, self._begin_reviewed if visit.output is None else self._accept_output)

    def _after_review(self, step: Step, visit: Visit, after: AfterReview) -> None:
        review = self.review
        if review is None and visit.status is StepStatus.OUTPUT_IN_REVIEW:
            # The output was saved while the directory could not say who the approvers are. The request is opened now.
            self.complete(step, visit, dict(visit.output or {}))
            return
        if review is None or review.state is RequestState.PENDING:
            self.wait(RunStatus.WAITING, None)
            return
        self.review = None
        if review.state is RequestState.APPROVED:
            self.after_approval(step, visit, review, after)
        elif review.state is RequestState.UNDONE:
            self.ask_again(step, visit, review)
        elif review.state is RequestState.EXPIRED and review.on_expiry is OnExpiry.CONTINUE:
            self.events.append(Event(EntryKind.GATE_UNANSWERED, step.id))
            after(step, visit, self._as_asked(step, visit, review))
        else:
            self.put(replace(visit, status=StepStatus.STOPPED, ended_at=self.now), EntryKind.STEP_STOPPED)
            next_step = _step_after_refusal(step, review.state)
            if next_step is None:
                self.end(_ENDS.get(review.state, RunStatus.CANCELLED))
            else:
                self._jump(step, self.workflow.step(next_step))

    def _jump(self, step: Step, target: Step) -> None:
        """Go on with another step."""
        self.forget(range(step.index + 1, target.index))
        self.cursor = target.index

    def _as_asked(self, step: Step, visit: Visit, review: ReviewResult) -> ReviewResult:
        """Return the review without changes that too few approved: no one person decides what goes on."""
        at = ReviewPoint.AFTER if visit.status is StepStatus.OUTPUT_IN_REVIEW else ReviewPoint.BEFORE
        subject = self.subject(step, visit, at)
        if review.as_asked is None or subject.digest(review.content) != review.digest:
            # What is not the content of the request is refused where it would run.
            return review
        return replace(review, content=review.as_asked, digest=subject.digest(review.as_asked))

    def _begin_reviewed(self, step: Step, visit: Visit, review: ReviewResult) -> None:
        self.begin(step, visit, review.content, review.digest)

    def _accept_output(self, step: Step, visit: Visit, review: ReviewResult) -> None:
        try:
            self.subject(step, visit, ReviewPoint.AFTER).check(review.content, review.digest)
        except Tampered as error:
            self.fail(step, visit, str(error))
            return
        self.succeed(step, visit, review.content.value)

    # -- running a step --

    def begin(self, step: Step, visit: Visit, params: Params, digest: str | None) -> None:
        visit = replace(visit, params=params, digest=digest, started_at=self.now)
        nature = step.kind.nature
        if nature is _EFFECT:
            self.call(step, visit)
            return
        try:
            if digest is not None:
                self.subject(step, visit, ReviewPoint.BEFORE).check(params, digest)
            if nature is _SLEEP:
                visit = replace(visit, status=StepStatus.SLEEPING, wakes_at=step.kind.wakes_at(params.value, self.now))
                self.put(visit, EntryKind.STEP_SLEEPING, until=str(visit.wakes_at))
            elif nature is _RUNS:
                self._start_run(step, visit)
            elif nature is _GRANT:
                self.grant(step, visit)
            else:
                self._produce(step, visit)
        except (Tampered, InvalidValue) as error:
            self.fail_or_ask(step, visit, str(error))

    def _go(self, step: Step, visit: Visit) -> None:
        """Go on with a visit about which nothing is left to ask."""
        if step.kind.nature is _RUNS:
            assert visit.params is not None
            self.begin(step, visit, visit.params, visit.digest)
        else:
            self.call(step, visit)

    def _start_run(self, step: Step, visit: Visit) -> None:
        """Let the step start its run, or say that it has, or why it cannot."""
        started = self.state.started.get((step.id, visit.visit))
        if isinstance(started, NotStarted):
            self.fail_or_ask(step, visit, started.message)
        elif started is not None:
            visit = replace(visit, status=StepStatus.IN_RUNS, attempt=visit.attempt + 1)
            self.put(visit, EntryKind.STEP_STARTED, attempt=visit.attempt, child=started.run)
            self._after_runs(step, visit, (started,))
        elif self.may_start_runs:
            assert visit.params is not None
            self.order = child_runs.order(step, visit, visit.params)
            self.stopped = True
        else:
            self.put(replace(visit, status=StepStatus.READY))
            self.wait(RunStatus.RUNNING, self.now)

    def _after_runs(self, step: Step, visit: Visit, children: Sequence[ChildRun]) -> None:
        """Go on with the output of the run that the step started, or of its items, once all have ended."""
        child = children[-1]
        if not all(child.status.ended for child in children):
            self.wait(RunStatus.WAITING, None)
        elif step.body is not None:
            self._after_items(step, visit)
        elif child.status is RunStatus.SUCCEEDED:
            self.complete(step, visit, child_runs.output_of(child))
        else:
            self.fail_or_ask(step, visit, child_runs.failure_of(child))

    def _after_items(self, step: Step, visit: Visit) -> None:
        assert self.state.items is not None
        failure = items.failure_of(step, self.state.items)
        if failure is not None:
            self.fail_or_ask(step, visit, failure)
        else:
            self.complete(step, visit, items.output_of(self.state.items))

    def call(self, step: Step, visit: Visit) -> None:
        params = visit.params
        assert params is not None
        if not self.may_run_effects:
            self.put(replace(visit, status=StepStatus.READY, wakes_at=None))
            self.wait(RunStatus.RUNNING, self.now)
            return
        visit = replace(visit, status=StepStatus.STARTED, attempt=visit.attempt + 1, wakes_at=None)
        self.put(visit, EntryKind.STEP_STARTED, attempt=visit.attempt)
        self.effect = Effect(
            step=step,
            visit=visit.visit,
            attempt=visit.attempt,
            params=params,
            subject=self.subject(step, visit, ReviewPoint.BEFORE),
            digest=visit.digest,
            timeout=step.timeout or DEFAULT_TIMEOUT,
        )
        self.stopped = True

    def _produce(self, step: Step, visit: Visit) -> None:
        assert visit.params is not None
        self.complete(step, visit, step.kind.produce(visit.params.value))

    def _when_awake(self, visit: Visit, continue_: Callable[[], None]) -> None:
        if visit.wakes_at is not None and visit.wakes_at > self.now:
            self.wait(RunStatus.WAITING, visit.wakes_at)
        else:
            continue_()

    def _recover(self, step: Step, visit: Visit) -> None:
        """Handle a visit that was started and has no lease: the process died between the call and its record."""
        if step.kind.nature is _GRANT:
            self.after_consumption(visit)
        elif self.is_repeatable(step, visit) and visit.attempt - self.state.asked_attempt < MAX_CRASHES:
            self.call(step, visit)
        else:
            self.park(visit, "The server stopped while this step was running, so it is not clear whether it happened.")

    # -- outcomes --

    def record_output(self, output: dict[str, Value]) -> None:
        """Save the output of the effect that the run is at."""
        step, visit = self.current()
        self.complete(step, visit, output)

    def record_failure(self, failure: StepFailure) -> None:
        """Save the failure of the effect that the run is at: retry it, park the run, or fail the step."""
        step, visit = self.current()
        if failure.unknown and not self.is_repeatable(step, visit):
            self.park(visit, failure.message)
            return
        # A person who said to try again begins the attempts anew.
        delay = None if failure.final else step.retry.delay(visit.attempt - self.state.asked_attempt)
        if delay is None:
            self.fail_or_ask(step, visit, failure.message)
            return
        wakes_at = self.now + max(delay, min(failure.retry_after or delay, MAX_RETRY_AFTER))
        visit = replace(visit, status=StepStatus.RETRYING, wakes_at=wakes_at, error=failure.message)
        self.put(visit, EntryKind.STEP_RETRYING, attempt=visit.attempt, error=failure.message, until=str(wakes_at))

    def record_answer(self, answer: ResumeAnswer, output: dict[str, Value]) -> None:
        """Save the answer of a person about the effect of unknown outcome at which the run stopped."""
        step, visit = self.current()
        if answer is ResumeAnswer.DONE:
            approved = visit.params.value if step.kind.nature is _GRANT and visit.params is not None else {}
            self.complete(step, visit, {**approved, **output})
        elif answer is ResumeAnswer.REPEAT:
            self.call(step, replace(visit, error=None))
        else:
            self.stop_unknown(step, visit)

    def try_again(self) -> None:
        """Visit the step again at which the run failed: with a new key for its effect, and its gate opens anew."""
        step, _ = self.current()
        self.enter(step)

    def complete(self, step: Step, visit: Visit, output: dict[str, Value]) -> None:
        if self.state.cancelled or step.gate is None or step.gate.at is not ReviewPoint.AFTER:
            # A cancelled run opens no request any more, but the output of the effect is saved.
            self.succeed(step, visit, output)
            return
        visit = replace(visit, output=output, error=None, wakes_at=None)
        names = self.scope.names(self.visits | {step.id: replace(visit, status=StepStatus.SUCCEEDED)}, self.cursor)
        if not self.try_open(step, visit, ReviewPoint.AFTER, Params(output), names):
            self.succeed(step, visit, output)

    def _cancel(self) -> None:
        step = self.workflow.steps[self.cursor] if self.cursor < len(self.workflow.steps) else None
        visit = self.visits.get(step.id) if step else None
        error = None
        if step is not None and visit is not None and step.kind.nature is _GRANT and self.waits_for_outcome(visit):
            # Like a step that is running, it finishes, and is the last one.
            self.wait(RunStatus.WAITING, visit.wakes_at)
            return
        if step is not None and visit is not None and visit.ended_at is None:
            is_unknown = visit.status in (StepStatus.STARTED, StepStatus.OUTCOME_UNKNOWN)
            status = StepStatus.OUTCOME_UNKNOWN if is_unknown else _CANCELLED.get(visit.status, StepStatus.STOPPED)
            if is_unknown:
                error = f"The run was cancelled before it was clear whether “{step.label}” happened."
            self.put(replace(visit, status=status, ended_at=self.now, wakes_at=None), EntryKind.STEP_STOPPED)
            self.release(step)
        self.ready_at = None
        self.end(RunStatus.CANCELLED, error)


def _step_after_refusal(step: Step, state: RequestState) -> str | None:
    """Return the step with which the run goes on after this state of the request of `step`, or None if it ends."""
    if step.gate is None:
        return None
    if state is RequestState.CHANGES_REQUESTED:
        return step.gate.revise
    return step.gate.on_reject if state is RequestState.REJECTED else None
