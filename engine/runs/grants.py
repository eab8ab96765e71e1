"""The transitions of an ask: what a program asks is reviewed, and it may act on the approval once, until a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from engine import durations, requests, timestamps
from engine.audit_entries import EntryKind
from engine.domain import Params, ReviewPoint, RunStatus, StepStatus
from engine.domain.asks import AskStatus, AskUse
from engine.errors import ExpressionError
from engine.expressions import resolve_params
from engine.json_values import Value
from engine.requests import Subject
from engine.runs import asked_content, branches
from engine.runs.held_reviews import HeldReviews
from engine.runs.state import AskProgress, Progress, Visit
from engine.workflowfile import Gate, Step
from engine.workflowfile.step_kinds import FORM, Nature

VALID_FOR: Final = timedelta(hours=1)
"""How long an approval can be used if the step does not say."""
OUTCOME_WITHIN: Final = timedelta(minutes=15)
"""How long the program has to say what became of an approval that it used, if the step does not say."""
RESULT: Final = "result"
"""The name of what the program reported, in the output of the step."""
LAPSED: Final = "The approval was not used in time."
NOT_TOLD: Final = "The program that asked used the approval, and did not say in time whether it worked."
_ENDS: Final = {
    RunStatus.REJECTED: AskStatus.REJECTED,
    RunStatus.EXPIRED: AskStatus.EXPIRED,
    RunStatus.CANCELLED: AskStatus.CANCELLED,
}
"""What an ask is whose run has ended so without an approval. In any other state it failed."""


class Grants(HeldReviews, ABC):
    """Moves a run around what a program asks."""

    _refused = False

    @abstractmethod
    def complete(self, step: Step, visit: Visit, output: dict[str, Value]) -> None:
        """Save the output of a step, and go on."""

    def subject(self, step: Step, visit: Visit, at: ReviewPoint) -> Subject:
        """Return what a request is about. An ask that lacks a value is filled in, like a form."""
        subject = super().subject(step, visit, at)
        if step.kind.nature is Nature.GRANT and asked_content.left_to_people(self.state.inputs):
            return replace(subject, uses=FORM)
        return subject

    def params_of(self, step: Step, names: dict[str, Value]) -> Params:
        """Return the parameters of a step: those of an ask are what the program asks. Raises `ExpressionError`."""
        params = resolve_params(step.params, names)
        if step.kind.nature is not Nature.GRANT:
            return params
        sentence = params.value.get("refuse") or (self._cannot_pass(step) if step.gate is None else "")
        if sentence:
            raise RefusedAsk(str(sentence))
        return Params(asked_content.arguments(self.state.inputs))

    def _cannot_pass(self, step: Step) -> str:
        """Return why an ask about which no one is asked is refused, or an empty text.

        What may be another rule's is never let through, nor is a value that only a person can give.
        """
        left = asked_content.left_to_people(self.state.inputs)
        if not left:
            return branches.doubt_about(step, self.visits)
        return f"The program left this to people, and no one is asked about it: {left}. Send a value for it."

    def why_asked(self, step: Step, gate: Gate, names: dict[str, Value], *, passes: bool) -> bool | str:
        """Return whether a gate opens, and why. What is left to people is asked for whatever the gate's `when` says.

        `passes`: whether its risk is one at which no one is asked.
        """
        why = branches.doubt_about(step, self.visits) or requests.wanted(gate, names)
        why = False if why is True and passes else why
        if (
            why is False
            and step.kind.nature is Nature.GRANT
            and (left := asked_content.left_to_people(self.state.inputs))
        ):
            return f"The program left this to people: {left}."
        return why

    def refuse(self, visit: Visit, sentence: str) -> None:
        """End the run of an ask that its workflow refuses."""
        visit = replace(visit, status=StepStatus.STOPPED, error=sentence, ended_at=self.now)
        self.put(visit, EntryKind.STEP_STOPPED, error=sentence)
        self.end(RunStatus.REJECTED, sentence)

    def grant(self, step: Step, visit: Visit) -> None:
        """Go on with what was approved: the program reads it, or may act on it until a time."""
        assert visit.params is not None
        if self.state.inputs.get("use") != AskUse.ONCE:
            self.complete(step, visit, visit.params.value)
            return
        until = self.now + duration(step, "valid_for", VALID_FOR)
        self.put(
            replace(visit, status=StepStatus.GRANTED, wakes_at=until),
            EntryKind.STEP_GRANTED,
            until=timestamps.iso(until),
        )
        self.wait(RunStatus.WAITING, until)

    def after_grant(self, visit: Visit) -> None:
        """Wait until the approval is used, or end the run because it was not."""
        assert visit.wakes_at is not None
        if self.now < visit.wakes_at:
            self.wait(RunStatus.WAITING, visit.wakes_at)
            return
        self.put(replace(visit, status=StepStatus.STOPPED, ended_at=self.now), EntryKind.STEP_STOPPED, lapsed=True)
        self.end(RunStatus.EXPIRED, LAPSED)

    def consume(self) -> None:
        """Note that the program acts on the approval now."""
        step, visit = self.current()
        until = self.now + duration(step, "outcome_within", OUTCOME_WITHIN)
        visit = replace(visit, status=StepStatus.STARTED, attempt=visit.attempt + 1, wakes_at=until)
        self.put(visit, EntryKind.STEP_STARTED, attempt=visit.attempt)
        self.wait(RunStatus.WAITING, until)

    def after_consumption(self, visit: Visit) -> None:
        """Wait until the program says what became of it, or let the owner find out."""
        if self.waits_for_outcome(visit):
            self.wait(RunStatus.WAITING, visit.wakes_at)
        else:
            self.park(replace(visit, wakes_at=None), NOT_TOLD)

    def waits_for_outcome(self, visit: Visit) -> bool:
        """Return whether the program acts on the approval, and still has time to say how that went."""
        return visit.status is StepStatus.STARTED and visit.wakes_at is not None and self.now < visit.wakes_at

    def with_ask(self, progress: Progress) -> Progress:
        """Return the progress with what has changed for the program that asked."""
        if not self.workflow.is_asked:
            return progress
        asked = [step for step in self.workflow.steps if step.kind.nature is Nature.GRANT]
        visits = [self.visits[step.id] for step in asked if step.id in self.visits]
        visit = next((visit for visit in visits if visit.status is not StepStatus.SKIPPED), None)
        changed = visit is not None and (visit.step, visit.visit) in self.changed
        if not changed and not (self.status.ended and (visit is None or visit.ended_at is None)):
            return progress
        return replace(progress, ask=self._ask_progress(visit))

    def _ask_progress(self, visit: Visit | None) -> AskProgress:
        if visit is None:
            return AskProgress(status=_ENDS.get(self.status, AskStatus.FAILED))
        status = self._ask_status(visit)
        digest = visit.digest
        if digest is None and visit.params is not None and status is AskStatus.APPROVED:
            digest = self.subject(self.workflow.step(visit.step), visit, ReviewPoint.BEFORE).digest(visit.params)
        return AskProgress(
            status=status,
            step=visit.step,
            digest=digest,
            valid_until=visit.wakes_at if visit.status is StepStatus.GRANTED else None,
            is_known=visit.status in (StepStatus.SUCCEEDED, StepStatus.FAILED) and visit.attempt > 0,
            is_unknown=visit.status is StepStatus.OUTCOME_UNKNOWN,
            lapsed=visit.status is StepStatus.STOPPED and visit.wakes_at is not None,
        )

    def _ask_status(self, visit: Visit) -> AskStatus:
        if visit.status is StepStatus.STOPPED:
            return _ENDS.get(self.status, AskStatus.REJECTED)
        if visit.attempt > 0 or visit.status in (StepStatus.GRANTED, StepStatus.SUCCEEDED):
            return AskStatus.APPROVED
        return AskStatus.FAILED if visit.status is StepStatus.FAILED else AskStatus.PENDING


class RefusedAsk(ExpressionError):
    """The workflow refuses what a program asks. The text is the sentence for it."""


@lru_cache(256)
def _parsed(text: str) -> timedelta:
    return durations.parse(text)


def duration(step: Step, name: str, default: timedelta) -> timedelta:
    """Return a duration under `with` of an ask."""
    params = step.params.value
    text = params.get(name) if isinstance(params, dict) else None
    return _parsed(text) if isinstance(text, str) else default
