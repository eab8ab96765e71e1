"""The transitions around an approval that can be undone: the run holds it until its `hold` ends, or asks again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from engine import requests, timestamps
from engine.audit_entries import EntryKind
from engine.domain import Params, RequestState, ReviewPoint, RunStatus, StepStatus
from engine.json_values import Value
from engine.runs.failure_reviews import FailureReviews
from engine.runs.state import ReviewResult, Visit
from engine.workflowfile import Gate, Step

AfterReview = Callable[[Step, Visit, ReviewResult], None]


class HeldReviews(FailureReviews, ABC):
    """Moves a run around an approval that can be undone."""

    @abstractmethod
    def open_gate(
        self, gate: Gate, step: Step, visit: Visit, content: Params, names: dict[str, Value], why: bool | str
    ) -> None:
        """Open a gate about this content. `why`: a sentence if it is not known whether it has to."""

    def after_approval(self, step: Step, visit: Visit, review: ReviewResult, after: AfterReview) -> None:
        """Go on with what was approved, once the approval can no longer be undone."""
        until = _hold_end(step, review)
        if until is None:
            after(step, visit, review)
        elif self.now < until:
            if visit.status is not StepStatus.HELD:
                held = replace(visit, status=StepStatus.HELD, wakes_at=until)
                self.put(held, EntryKind.STEP_HELD, until=timestamps.iso(until))
            self.wait(RunStatus.WAITING, until)
        else:
            self.released = review.request
            after(step, replace(visit, wakes_at=None), review)

    def release(self, step: Step) -> None:
        """Note that the run is cancelled: an approval that is held can no longer be undone."""
        review = self.review
        if review is not None and review.state is RequestState.APPROVED and _hold_end(step, review) is not None:
            self.released = review.request

    def ask_again(self, step: Step, visit: Visit, review: ReviewResult) -> None:
        """Open the gate once more about the same content, whatever its `when` says now: the approval was undone.

        A step that has not run is visited anew, so that no approval of the earlier visit fits. One that has run, or
        whose items are written down, keeps its visit, because that is not undone.
        """
        assert step.gate is not None
        if not self.may_open_requests:
            self.wait(RunStatus.RUNNING, self.now)
            return
        visit, visits = replace(visit, wakes_at=None), self.visits
        if step.gate.at is ReviewPoint.BEFORE and step.body is None:
            self.put(replace(visit, status=StepStatus.STOPPED, ended_at=self.now), EntryKind.STEP_STOPPED)
            visit = self.new_visit(step, visit)
        elif visit.output is not None:
            visits = {**visits, step.id: replace(visit, status=StepStatus.SUCCEEDED)}
        names = self.scope.names(visits, self.cursor)
        content = review.content if review.as_asked is None else review.as_asked
        self.open_gate(step.gate, step, visit, content, names, requests.wanted(step.gate, names) or True)
        if self.opening is not None:
            self.opening = replace(self.opening, again=review.request, edited_before=review.edited_before)


def _hold_end(step: Step, review: ReviewResult) -> datetime | None:
    """Return when the run goes on with what was approved, or None if the gate has no `hold`."""
    if step.gate is None or step.gate.hold is None or review.closed_at is None:
        return None
    return review.closed_at + step.gate.hold
