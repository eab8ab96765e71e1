"""The state machine around a failure that people are asked about: every answer, from every kind of step."""

from __future__ import annotations

import pytest

from engine import runs, workflowfile
from engine.domain import Params, RequestState, ResumeAnswer, ReviewPoint, RunStatus, StepStatus
from engine.runs import MAX_CRASHES, Outcome, ReviewResult, StepFailure, StepOutput
from engine.runs.state import ChildRun
from engine.steps.run import RunStep
from tests.support.copies import replace_fields
from tests.support.run_in_memory import RunInMemory

ASKS = "- {id: send, uses: call, with: {to: bank, text: hello}, on_error: ask%s}\n"
GATED = ASKS % ", gate: {approvers: [lee@example.com], when: '{{ inputs.amount > 100 }}'}"
NOTE = "- {id: note, uses: set, with: {said: \"{{ steps.send.error | default('fine') }}\"}}\n"
REFUSED, SUCCESS = StepFailure(message="refused"), StepOutput({"answer": 1, "text": "sent"})


def failed_run(steps: str = ASKS % "" + NOTE, outcome: Outcome = REFUSED, **inputs: int) -> RunInMemory:
    """Return a run whose first call has failed."""
    run = RunInMemory.of(steps, **{"amount": 5, **inputs})
    run.proceed()
    run.record(outcome)
    return run


def answer(run: RunInMemory, state: RequestState, **edits: str) -> None:
    """Answer the failure that was asked about last, and proceed."""
    opening = run.opening
    assert opening.subject.at is ReviewPoint.FAILED
    content = replace_fields(opening.content, value={**opening.content.value, **edits})
    edited_by = ("p1", "Lee") if edits else None
    digest = opening.subject.digest(content)
    review = ReviewResult(state=state, content=content, digest=digest, edited_by=edited_by)
    run.state = replace_fields(run.state, review=review, asked_attempt=opening.attempt)
    run.proceed()


def test_a_failure_waits_for_people_with_its_error_and_its_parameters() -> None:
    run = failed_run()
    assert (run.state.status, run.visit("send").status) == (RunStatus.WAITING, StepStatus.FAILURE_IN_REVIEW)
    assert run.kinds() == ["step.failed"]
    opening = run.opening
    assert (opening.reason, opening.attempt, opening.content.value["text"]) == ("refused", 1, "hello")
    assert [editable.path for editable in opening.editable] == [("text",)]
    assert run.proceed().opening is not None, "without a request it is opened"
    run.state = replace_fields(
        run.state, review=ReviewResult(state=RequestState.PENDING, content=Params({}), digest="")
    )
    assert run.proceed().status is RunStatus.WAITING


def test_another_try_is_another_attempt_of_the_same_visit_with_all_its_retries() -> None:
    run = failed_run(ASKS % ", retry: {attempts: 2, wait: 1s}")
    run.pass_time(seconds=1)
    run.proceed()
    run.record(REFUSED)
    answer(run, RequestState.APPROVED)
    assert (run.effect.visit, run.effect.attempt, run.visit("send").error) == (1, 3, None)
    run.record(REFUSED)
    assert run.visit("send").status is StepStatus.RETRYING
    run.pass_time(seconds=1)
    run.proceed()
    run.record(REFUSED)
    assert (run.opening.attempt, run.visit("send").status) == (4, StepStatus.FAILURE_IN_REVIEW)
    answer(run, RequestState.APPROVED)
    assert run.record(SUCCESS).status is RunStatus.SUCCEEDED


def test_changed_parameters_are_a_new_visit_with_their_own_digest() -> None:
    run = failed_run()
    answer(run, RequestState.APPROVED, text="changed")
    effect = run.effect
    assert (effect.visit, effect.attempt, effect.params.value["text"]) == (2, 1, "changed")
    assert effect.digest is not None
    effect.subject.check(effect.params, effect.digest)
    assert run.record(SUCCESS).status is RunStatus.SUCCEEDED
    assert run.visit("note").output == {"said": "fine"}


@pytest.mark.parametrize("amount", [5, 500])
def test_the_gate_asks_for_changed_parameters_whatever_its_condition_says(amount: int) -> None:
    run = RunInMemory.of(GATED, amount=amount)
    run.proceed()
    if amount > 100:
        run.answer(RequestState.APPROVED)
    run.record(REFUSED)
    answer(run, RequestState.APPROVED, text="changed")
    opening = run.opening
    assert (opening.subject.at, opening.subject.visit) == (ReviewPoint.BEFORE, 2)
    assert (opening.content.value["text"], opening.edited_before) == ("changed", ("p1",))
    assert "Lee changed this after the step had failed." in opening.notes
    run.answer(RequestState.APPROVED)
    assert (run.effect.params.value["text"], run.effect.visit) == ("changed", 2)
    run.effect.subject.check(run.effect.params, str(run.effect.digest))


def test_an_approval_holds_for_another_try_without_changes() -> None:
    run = RunInMemory.of(GATED, amount=500)
    run.proceed()
    run.answer(RequestState.APPROVED)
    run.record(REFUSED)
    answer(run, RequestState.APPROVED)
    run.effect.subject.check(run.effect.params, str(run.effect.digest))
    assert run.effect.visit == 1


def test_a_rejection_at_that_gate_ends_the_run() -> None:
    run = failed_run(GATED)
    answer(run, RequestState.APPROVED, text="changed")
    assert run.answer(RequestState.REJECTED).status is RunStatus.REJECTED


@pytest.mark.parametrize(
    ("state", "end", "kinds"),
    [
        (RequestState.SKIPPED, RunStatus.SUCCEEDED, ["step.succeeded", "run.succeeded"]),
        (RequestState.REJECTED, RunStatus.FAILED, ["run.failed"]),
    ],
)
def test_skip_goes_on_and_stop_ends_the_run(state: RequestState, end: RunStatus, kinds: list[str]) -> None:
    run = failed_run()
    answer(run, state)
    assert (run.state.status, run.visit("send").status, run.kinds()) == (end, StepStatus.FAILED, kinds)
    if state is RequestState.SKIPPED:
        assert run.visit("note").output == {"said": "refused"}


@pytest.mark.parametrize(
    "step",
    [
        "- {id: a, uses: set, with: {x: '{{ inputs.any.x }}'}, on_error: ask}",
        "- {id: a, uses: call, with: {to: x, headers: '{{ inputs.any }}'}, on_error: ask}",
        "- {id: a, uses: wait, with: {until: '{{ inputs.any }}'}, on_error: ask}",
        "- {id: a, uses: set, when: '{{ inputs.any }}', with: {x: 1}, on_error: ask}",
        "- {id: a, uses: branch, paths: {p: {when: '{{ inputs.any }}', steps: [{id: b, uses: set}]}}, on_error: ask}",
    ],
    ids=["expression", "parameter", "time", "condition", "branch"],
)
def test_a_step_that_was_not_called_is_evaluated_anew(step: str) -> None:
    run = RunInMemory.of(step, any="not this")
    run.proceed()
    assert (run.opening.attempt, run.opening.subject.visit) == (0, 1)
    answer(run, RequestState.APPROVED)
    assert (run.opening.attempt, run.opening.subject.visit) == (0, 2), "it fails as before"
    run.state = replace_fields(run.state, inputs={"amount": 5, "any": True})
    answer(run, RequestState.SKIPPED)
    assert run.state.status is RunStatus.SUCCEEDED


def test_a_run_that_a_step_starts_is_started_anew() -> None:
    source = b"name: demo\nsteps:\n  - {id: a, uses: run, with: {workflow: other}, on_error: ask}\n"
    workflow = workflowfile.load(source, kinds={RunStep.name: RunStep()})
    child = ChildRun(run="r2", title="Other", status=RunStatus.FAILED, error="no")
    state = replace_fields(RunInMemory.of(ASKS % "").state, started={("a", 1): child})
    run = RunInMemory(workflow, state)
    run.proceed()
    assert (run.opening.reason, run.opening.attempt) == ("“Other” (run r2) failed: no", 1)
    answer(run, RequestState.APPROVED)
    assert (run.visit("a").visit, run.visit("a").status) == (2, StepStatus.READY)


def test_without_the_right_to_ask_a_failure_is_kept_for_later() -> None:
    run = RunInMemory.of(ASKS % "")
    run.proceed()
    progress = runs.record(run.workflow, run.state, REFUSED, now=run.now, may_open_requests=False)
    assert (progress.opening, progress.ready_at) == (None, run.now)
    visits = {visit.step: visit for visit in progress.visits}
    state = replace_fields(run.state, visits=visits, cursor=progress.cursor)
    assert runs.proceed(run.workflow, state, now=run.now).opening is not None


def test_without_the_right_to_ask_a_change_waits_for_its_gate() -> None:
    run = failed_run(GATED)
    opening = run.opening
    content = replace_fields(opening.content, value={**opening.content.value, "text": "changed"})
    digest = opening.subject.digest(content)
    review = ReviewResult(state=RequestState.APPROVED, content=content, digest=digest, edited_by=("p1", "Lee"))
    state = replace_fields(run.state, review=review)
    progress = runs.proceed(run.workflow, state, now=run.now, may_open_requests=False)
    assert (progress.opening, progress.visits, progress.ready_at) == (None, (), run.now)
    assert runs.proceed(run.workflow, state, now=run.now).opening is not None


def test_a_cancelled_run_asks_nothing_and_ends() -> None:
    run = RunInMemory.of(ASKS % "")
    run.proceed()
    run.cancel()
    assert run.record(REFUSED).opening is None
    asked = failed_run()
    asked.cancel()
    assert asked.proceed().status is RunStatus.CANCELLED
    assert (asked.visit("send").status, asked.visit("send").error) == (StepStatus.FAILED, "refused")


@pytest.mark.parametrize("edits", [{}, {"text": "changed"}], ids=["unchanged", "changed"])
def test_what_was_tampered_with_ends_the_run(edits: dict[str, str]) -> None:
    run = failed_run()
    content = replace_fields(run.opening.content, value={**run.opening.content.value, **edits})
    review = ReviewResult(
        state=RequestState.APPROVED, content=content, digest="0" * 64, edited_by=("p1", "Lee") if edits else None
    )
    run.state = replace_fields(run.state, review=review)
    assert run.proceed().status is RunStatus.FAILED
    assert "not what was approved" in str(run.state and run.last and run.last.error)


def test_an_unknown_outcome_is_no_failure_and_stopping_it_asks_nothing() -> None:
    run = failed_run(outcome=StepFailure(message="lost", unknown=True))
    assert run.state.status is RunStatus.NEEDS_ATTENTION
    assert run.resume(ResumeAnswer.STOP).status is RunStatus.FAILED


def test_calls_that_crashes_cut_off_are_counted_anew_after_an_answer() -> None:
    run = failed_run(ASKS % ", idempotent: true")
    answer(run, RequestState.APPROVED)
    for _ in range(MAX_CRASHES - 1):
        assert run.proceed().effect is not None
    assert run.proceed().status is RunStatus.NEEDS_ATTENTION
