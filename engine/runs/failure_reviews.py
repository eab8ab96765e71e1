"""The transitions around a failure that people are asked about: with `on_error: ask`, a request opens for it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec.structs import replace

from engine import requests
from engine.audit_entries import EntryKind
from engine.domain import OnError, Params, RequestState, ReviewPoint, RunStatus, StepStatus
from engine.errors import Tampered
from engine.runs.run_changes import RunChanges
from engine.runs.state import ReviewResult, Visit
from engine.workflowfile import Gate, Step
from engine.workflowfile.step_kinds import Nature


class FailureReviews(RunChanges, ABC):
    """Moves a run around a failure. The answer to it begins other transitions, which are those of every step."""

    @abstractmethod
    def enter(self, step: Step) -> None:
        """Visit a step anew: evaluate its condition and its parameters."""

    @abstractmethod
    def open_edited(self, gate: Gate, step: Step, visit: Visit, review: ReviewResult) -> None:
        """Open the gate of a step for the parameters that a person changed after a failure."""

    @abstractmethod
    def begin(self, step: Step, visit: Visit, params: Params, digest: str | None) -> None:
        """Run a step with these parameters."""

    @abstractmethod
    def call(self, step: Step, visit: Visit) -> None:
        """Call the effect of a visit, once more if it was called before."""

    def fail_or_ask(self, step: Step, visit: Visit, message: str) -> None:
        """Fail a step. With `on_error: ask` people are asked what to do, unless the run is being cancelled."""
        if step.on_error is not OnError.ASK or self.state.cancelled:
            self.fail(step, visit, message)
            return
        visit = replace(visit, status=StepStatus.FAILURE_IN_REVIEW, error=message, wakes_at=None)
        self.put(visit, EntryKind.STEP_FAILED, error=message)
        self._ask(step, visit)

    def _ask(self, step: Step, visit: Visit) -> None:
        if not self.may_open_requests:
            # The next call of `proceed` finds no request about this failure, and opens it.
            self.wait(RunStatus.RUNNING, self.now)
            return
        assert step.failure_gate is not None
        self.opening = requests.open_failure(
            gate=step.failure_gate,
            step=step,
            subject=self.subject(step, visit, ReviewPoint.FAILED),
            content=visit.params or Params({}),
            scope=self.scope.names(self.visits, self.cursor),
            error=visit.error or "",
            attempt=visit.attempt,
        )
        self.wait(RunStatus.WAITING, None)

    def after_failure(self, step: Step, visit: Visit) -> None:
        """Do what people answered about the failure of a visit, or go on waiting for them."""
        review = self.review
        if review is None:
            self._ask(step, visit)
        elif review.state is RequestState.PENDING:
            self.wait(RunStatus.WAITING, None)
        elif review.state is RequestState.APPROVED:
            self._try_again(step, visit, review)
        else:
            self._give_up(visit)
            if review.state is RequestState.SKIPPED:
                self.pass_over(step)
            else:
                self.end_failed(step, visit.error or "")

    def _give_up(self, visit: Visit) -> None:
        """End a visit that failed. Its failure was recorded when people were asked."""
        self.review = None
        self.put(replace(visit, status=StepStatus.FAILED, ended_at=self.now))

    def _try_again(self, step: Step, visit: Visit, review: ReviewResult) -> None:
        if review.edited_by is not None:
            self._try_edited(step, visit, review)
        elif visit.attempt and step.kind.nature is Nature.EFFECT:
            self._try_unchanged(step, visit, review)
        else:
            # Nothing was called, and what the parameters are computed from may be different by now; or a run was
            # started, and each visit starts one.
            self._give_up(visit)
            self.enter(step)

    def _try_unchanged(self, step: Step, visit: Visit, review: ReviewResult) -> None:
        """Call the step once more in the same visit: the same key tells the other system that it is the same call."""
        if self._is_tampered(step, visit, review, replace(visit.params or Params({}), context={})):
            return
        self.review = None
        self.call(step, replace(visit, error=None))

    def _is_tampered(self, step: Step, visit: Visit, review: ReviewResult, content: Params) -> bool:
        """Return whether the content is not the content of the answer. Then the run ends."""
        try:
            self.subject(step, visit, ReviewPoint.FAILED).check(content, review.digest)
        except Tampered as error:
            self._give_up(visit)
            self.end_failed(step, str(error))
            return True
        return False

    def _try_edited(self, step: Step, visit: Visit, review: ReviewResult) -> None:
        """Visit the step anew with the parameters that a person changed. Its gate has to approve them first."""
        if self._is_tampered(step, visit, review, review.content):
            return
        has_gate = step.gate is not None and step.gate.at is ReviewPoint.BEFORE
        if has_gate and not self.may_open_requests:
            self.wait(RunStatus.RUNNING, self.now)
            return
        self._give_up(visit)
        again = self.new_visit(step, visit)
        if step.gate is not None and has_gate:
            self.open_edited(step.gate, step, again, review)
            return
        params = replace(review.content, context={})
        self.begin(step, again, params, self.subject(step, again, ReviewPoint.BEFORE).digest(params))
