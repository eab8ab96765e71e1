"""The run's state machine: where a run goes from every place it can stand at."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine import runs
from engine.domain import OnExpiry, Params, RequestState, ResumeAnswer, ReviewPoint, RunStatus, StepStatus
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.retry import MAX_RETRY_AFTER
from engine.runs import DEFAULT_TIMEOUT, MAX_CRASHES, StepFailure, StepOutput
from engine.workflowfile import Nature
from tests.support.copies import replace_fields
from tests.support.fakes import START, Call
from tests.support.run_in_memory import RunInMemory

SECOND = timedelta(seconds=1)
CALL = "- {id: send, uses: call, with: {to: bank, text: hello}%s}\n"
GATED = CALL % ", gate: {approvers: [lee@example.com]}"
NOTE = "- {id: note, uses: set, with: {said: '{{ steps.send.text }}'}}\n"
DONE = StepOutput({"answer": 1, "text": "sent"})
REFUSED, LOST = StepFailure(message="refused"), StepFailure(message="lost", unknown=True)


def at_rest(journey: RunInMemory) -> None:
    """Exactly one of: it ended, it has an effect, a time, or it waits for people."""
    progress = journey.last
    assert progress is not None
    assert not progress.status.ended or (progress.effect, progress.ready_at, progress.opening) == (None, None, None)
    assert (progress.effect is None) or (progress.ready_at is None and progress.opening is None)
    assert (progress.opening is None) or (progress.status is RunStatus.WAITING and progress.ready_at is None)


def begun(steps: str, **inputs: Value) -> RunInMemory:
    journey = RunInMemory.of(steps, **inputs)
    journey.proceed()
    at_rest(journey)
    return journey


# -- reaching a step ----------------------------------------------------------------------------------------


def test_inline_steps_run_to_the_end_in_one_walk() -> None:
    journey = begun("- {id: a, uses: set, with: {x: 1}}\n- {id: b, uses: set, with: {y: '{{ steps.a.x + 1 }}'}}")
    assert journey.state.status is RunStatus.SUCCEEDED
    assert journey.visit("b").output == {"y": 2}
    assert journey.kinds() == ["step.succeeded", "step.succeeded", "run.succeeded"]


def test_a_step_whose_condition_is_false_is_skipped_and_leaves_no_output() -> None:
    journey = begun(
        "- {id: a, uses: set, when: '{{ inputs.any }}', with: {x: 1}}\n"
        "- {id: b, uses: set, with: {y: '{{ steps.a.x | default(7) }}'}}",
        any=False,
    )
    assert journey.visit("a").status is StepStatus.SKIPPED
    assert journey.visit("b").output == {"y": 7}


def test_a_step_whose_condition_is_true_runs() -> None:
    assert begun("- {id: a, uses: set, when: '{{ inputs.any }}', with: {}}", any=True).visit("a").output == {}


@pytest.mark.parametrize("when", ["{{ inputs.any }}", "{{ inputs.any.missing }}"])
def test_a_condition_of_a_step_that_cannot_be_evaluated_fails_the_step(when: str) -> None:
    journey = begun(CALL % f", when: '{when}'", any="yes")
    assert journey.state.status is RunStatus.FAILED
    assert journey.last is not None
    assert (journey.last.error or "").startswith("Step send failed: ")
    assert "step.started" not in journey.kinds()


@pytest.mark.parametrize("text", ["{{ inputs.any.missing }}", "{{ inputs.amount }}"])
def test_parameters_that_cannot_be_resolved_or_that_the_step_refuses_fail_it_before_anybody_is_asked(
    text: str,
) -> None:
    journey = begun(f"- {{id: send, uses: call, with: {{to: x, text: '{text}'}}, gate: true}}", any={}, amount=1)
    assert journey.state.status is RunStatus.FAILED
    assert journey.visit("send").status is StepStatus.FAILED
    assert journey.visit("send").attempt == 0


def test_the_names_of_a_run_are_there_for_expressions() -> None:
    journey = begun("- {id: a, uses: set, with: {who: '{{ run.requester }} {{ run.workflow }} {{ run.id }}'}}")
    assert journey.visit("a").output == {"who": "Ann demo r1"}


# -- gates --------------------------------------------------------------------------------------------------


def test_a_gate_stops_the_run_before_the_effect_and_an_approval_lets_exactly_that_happen() -> None:
    journey = begun(GATED + NOTE)
    assert journey.state.status is RunStatus.WAITING
    assert journey.visit("send").status is StepStatus.IN_REVIEW
    journey.answer(RequestState.APPROVED, text="edited")
    effect = journey.effect
    assert effect.params == Params({"to": "bank", "text": "edited"})
    assert effect.digest is not None
    effect.subject.check(effect.params, effect.digest)
    assert (effect.attempt, effect.visit, effect.timeout) == (1, 1, DEFAULT_TIMEOUT)
    assert journey.record(DONE).status is RunStatus.SUCCEEDED
    assert journey.visit("note").output == {"said": "sent"}


def test_a_walk_that_may_not_act_stops_before_the_effect_with_its_approval() -> None:
    journey = begun(GATED)
    opening = journey.opening
    journey.proceed(may_run_effects=False)
    assert journey.state.status is RunStatus.WAITING
    journey.state = replace_fields(
        journey.state,
        review=runs.ReviewResult(state=RequestState.APPROVED, content=opening.content, digest=opening.digest),
    )
    progress = journey.proceed(may_run_effects=False)
    assert (progress.status, progress.ready_at, progress.effect) == (RunStatus.RUNNING, START, None)
    assert journey.visit("send").status is StepStatus.READY
    assert journey.visit("send").keeps_params
    assert journey.visit("send").attempt == 0
    journey.proceed()
    assert journey.effect.digest == opening.digest


def test_a_spurious_wake_while_a_request_is_pending_changes_nothing() -> None:
    journey = begun(GATED)
    opening = journey.opening
    journey.state = replace_fields(
        journey.state,
        review=runs.ReviewResult(state=RequestState.PENDING, content=opening.content, digest=opening.digest),
    )
    for _ in range(2):
        progress = journey.proceed()
        assert (progress.visits, progress.opening, progress.status, progress.ready_at) == (
            (),
            None,
            RunStatus.WAITING,
            None,
        )


@pytest.mark.parametrize(
    ("state", "on_expiry", "ends"),
    [
        (RequestState.REJECTED, OnExpiry.STOP, RunStatus.REJECTED),
        (RequestState.REJECTED, OnExpiry.REJECT, RunStatus.REJECTED),
        (RequestState.REJECTED, OnExpiry.CONTINUE, RunStatus.REJECTED),
        (RequestState.EXPIRED, OnExpiry.STOP, RunStatus.EXPIRED),
        (RequestState.CANCELLED, OnExpiry.CONTINUE, RunStatus.CANCELLED),
    ],
)
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_request_that_was_not_approved_ends_the_run_there(
    state: RequestState, on_expiry: OnExpiry, ends: RunStatus, at: str
) -> None:
    journey = begun(f"- {{id: a, uses: set, with: {{x: 1}}, on_error: continue, gate: {{at: {at}}}}}")
    journey.answer(state, on_expiry=on_expiry)
    assert (journey.state.status, journey.visit("a").status) == (ends, StepStatus.STOPPED)
    assert journey.kinds() == ["step.stopped", f"run.{ends}"]


def test_an_expired_request_that_continues_goes_on_and_is_nobodys_approval() -> None:
    journey = begun(GATED)
    journey.answer(RequestState.EXPIRED, on_expiry=OnExpiry.CONTINUE)
    assert journey.kinds() == ["gate.unanswered", "step.started"]
    assert journey.effect.params.value == {"to": "bank", "text": "hello"}


def test_what_people_decided_is_there_for_later_steps_and_none_where_no_person_did() -> None:
    steps = (
        "- {id: a, uses: set, with: {x: 1}, gate: {expires: 1d, on_expiry: continue}}\n"
        "- {id: b, uses: set, when: '{{ inputs.any is none }}', with: {by: '{{ steps.a.decision }}'}, gate: true}\n"
        "- {id: c, uses: set, with: {a: '{{ steps.a.decision }}', b: '{{ steps.b.decision | default(1) }}'}}"
    )
    journey = begun(steps)
    journey.answer(RequestState.EXPIRED, on_expiry=OnExpiry.CONTINUE)
    journey.state = replace_fields(journey.state, decisions={"b": {"verdict": "approved"}, "c": {"verdict": "mine"}})
    journey.answer(RequestState.APPROVED)
    assert journey.visit("b").output == {"by": None}
    assert journey.visit("c").output == {"a": None, "b": {"verdict": "approved"}}
    passed = begun(steps.replace("expires: 1d, on_expiry: continue", "when: false"), any=1)
    assert passed.visit("c").output == {"a": None, "b": 1}


def test_a_gate_after_a_step_reviews_what_it_produced_and_edits_replace_it() -> None:
    journey = begun(CALL % ", gate: {at: after, when: '{{ steps.send.answer == 1 }}'}" + NOTE)
    journey.record(DONE)
    at_rest(journey)
    assert journey.visit("send").status is StepStatus.OUTPUT_IN_REVIEW
    assert journey.opening.subject.at is ReviewPoint.AFTER
    assert journey.opening.content == Params({"answer": 1, "text": "sent"})
    journey.answer(RequestState.APPROVED, text="better")
    assert journey.visit("send").output == {"answer": 1, "text": "better"}
    assert journey.visit("note").output == {"said": "better"}


def test_a_gate_after_a_step_that_is_not_wanted_is_passed() -> None:
    journey = begun(CALL % ", gate: {at: after, when: '{{ steps.send.answer > 1 }}'}")
    journey.record(DONE)
    assert journey.kinds() == ["gate.passed", "step.succeeded", "run.succeeded"]


def test_a_run_asks_once_for_each_of_its_gates_in_order() -> None:
    journey = begun(
        "- {id: a, uses: set, with: {x: 1}, gate: true}\n"
        + CALL % ", gate: {at: after}"
        + "- {id: b, uses: set, with: {y: '{{ steps.a.x }}'}, gate: true}"
    )
    asked = [journey.opening.subject.step]
    journey.answer(RequestState.APPROVED, x=2)
    journey.record(DONE)
    asked.append(journey.opening.subject.step)
    journey.answer(RequestState.APPROVED)
    asked.append(journey.opening.subject.step)
    assert journey.opening.content == Params({"y": 2})
    journey.answer(RequestState.APPROVED)
    assert (asked, journey.state.status) == (["a", "send", "b"], RunStatus.SUCCEEDED)


def tampered(journey: RunInMemory) -> None:
    """An answer whose content is not what its digest was taken of."""
    opening = journey.opening
    other = Params({**opening.content.value, "text": "tampered"})
    journey.state = replace_fields(
        journey.state, review=runs.ReviewResult(state=RequestState.APPROVED, content=other, digest=opening.digest)
    )
    journey.proceed()


@pytest.mark.parametrize("at", ["before", "after"])
def test_content_that_is_not_what_was_approved_never_runs_and_is_never_passed_on(at: str) -> None:
    journey = begun(f"- {{id: a, uses: set, with: {{text: draft}}, gate: {{at: {at}}}}}")
    tampered(journey)
    assert journey.state.status is RunStatus.FAILED
    assert "not what was approved" in (journey.visit("a").error or "")


def test_an_effect_is_handed_over_with_the_digest_that_gives_tampering_away() -> None:
    journey = begun(GATED)
    tampered(journey)
    assert journey.effect.digest is not None
    with pytest.raises(Exception, match="not what was approved"):
        journey.effect.subject.check(journey.effect.params, journey.effect.digest)


def test_an_approval_of_another_version_of_the_workflow_does_not_count() -> None:
    journey = begun("- {id: a, uses: set, with: {text: draft}, gate: true}")
    journey.workflow = replace_fields(journey.workflow, hash="another")
    journey.answer(RequestState.APPROVED)
    assert journey.state.status is RunStatus.FAILED


# -- effects and their outcomes -----------------------------------------------------------------------------


def test_an_effect_starts_with_its_own_timeout_and_ends_with_what_the_world_returned_on_record() -> None:
    journey = begun(CALL % ", timeout: 5s")
    assert journey.effect.timeout == timedelta(seconds=5)
    assert journey.effect.digest is None
    journey.record(DONE)
    assert journey.last is not None
    assert journey.last.events[0].content == {"returned": DONE.output}


def test_of_a_large_return_the_record_keeps_digest_and_length() -> None:
    journey = begun(CALL % "")
    journey.record(StepOutput({"text": "x" * 5000}))
    assert journey.last is not None
    assert journey.last.events[0].content.keys() == {"returned_digest", "returned_length"}


def test_a_definite_failure_is_retried_with_doubling_waits_and_then_fails_the_run() -> None:
    journey = begun(CALL % ", retry: {attempts: 4, wait: 2s}")
    waits = []
    for _ in range(3):
        progress = journey.record(REFUSED)
        assert progress.status is RunStatus.WAITING
        assert progress.ready_at is not None
        waits.append((progress.ready_at - journey.now).total_seconds())
        journey.now = progress.ready_at - SECOND
        assert journey.proceed().effect is None
        journey.now = progress.ready_at
        journey.proceed()
    assert waits == [2, 4, 8]
    assert journey.effect.attempt == 4
    progress = journey.record(REFUSED)
    assert (progress.status, progress.error) == (RunStatus.FAILED, "Step send failed: refused")


@pytest.mark.parametrize(
    ("wish", "wait"),
    [
        (None, timedelta(seconds=2)),
        (timedelta(0), timedelta(seconds=2)),
        (-SECOND, timedelta(seconds=2)),
        (timedelta(seconds=30), timedelta(seconds=30)),
        (timedelta.max, MAX_RETRY_AFTER),
    ],
)
def test_the_other_sides_wish_can_lengthen_the_wait_but_not_for_ever(wish: timedelta | None, wait: timedelta) -> None:
    journey = begun(CALL % ", retry: {attempts: 2, wait: 2s}")
    progress = journey.record(StepFailure(message="busy", retry_after=wish))
    assert progress.ready_at == START + wait


def test_a_final_failure_is_not_retried() -> None:
    journey = begun(CALL % ", retry: {attempts: 5}")
    assert journey.record(StepFailure(message="no", final=True)).status is RunStatus.FAILED


def test_an_unknown_outcome_parks_the_run_unless_the_step_may_be_repeated() -> None:
    journey = begun(CALL % ", retry: {attempts: 5}, on_error: continue")
    progress = journey.record(LOST)
    assert (progress.status, progress.error, progress.ready_at) == (RunStatus.NEEDS_ATTENTION, "lost", None)
    assert journey.visit("send").status is StepStatus.OUTCOME_UNKNOWN
    assert journey.proceed().status is RunStatus.NEEDS_ATTENTION


@pytest.mark.parametrize(
    "step",
    [
        CALL % ", idempotent: true, retry: {attempts: 2}",
        "- {id: send, uses: call, with: {to: nowhere}, retry: {attempts: 2}}\n",
    ],
)
def test_an_unknown_outcome_of_a_repeatable_step_is_retried_like_a_failure(step: str) -> None:
    journey = begun(step)
    assert journey.record(LOST).status is RunStatus.WAITING
    journey.pass_time(hours=1)
    journey.proceed()
    assert journey.record(LOST).status is RunStatus.FAILED


def test_the_file_can_forbid_to_repeat_what_its_kind_would_allow() -> None:
    journey = begun("- {id: send, uses: call, with: {to: nowhere}, idempotent: false}")
    assert journey.record(LOST).status is RunStatus.NEEDS_ATTENTION


def test_a_failure_with_on_error_continue_leaves_its_sentence_to_later_steps() -> None:
    journey = begun(CALL % ", on_error: continue" + "- {id: b, uses: set, with: {why: '{{ steps.send.error }}'}}")
    journey.record(REFUSED)
    assert journey.state.status is RunStatus.SUCCEEDED
    assert journey.visit("b").output == {"why": "refused"}


# -- crashes ------------------------------------------------------------------------------------------------


def test_a_crash_during_an_effect_that_must_not_be_repeated_asks_a_person() -> None:
    journey = begun(CALL % "")
    progress = journey.proceed()
    assert (progress.status, progress.effect) == (RunStatus.NEEDS_ATTENTION, None)
    assert "unknown" in (progress.error or "")


def test_a_crash_during_a_repeatable_effect_calls_again_until_it_looks_like_the_cause() -> None:
    journey = begun(CALL % ", idempotent: true")
    params = journey.effect.params
    for attempt in range(2, MAX_CRASHES + 1):
        journey.proceed()
        assert (journey.effect.attempt, journey.effect.params, journey.effect.visit) == (attempt, params, 1)
    assert journey.proceed().status is RunStatus.NEEDS_ATTENTION


def test_a_started_visit_without_parameters_is_judged_by_its_kind_alone() -> None:
    journey = begun(CALL % "")
    journey.state = replace_fields(journey.state, visits={"send": replace_fields(journey.visit("send"), params=None)})
    assert journey.proceed().status is RunStatus.NEEDS_ATTENTION


# -- a person's answer --------------------------------------------------------------------------------------


def parked(steps: str = GATED + NOTE) -> RunInMemory:
    journey = begun(steps)
    if journey.state.status is RunStatus.WAITING:
        journey.answer(RequestState.APPROVED)
    journey.record(LOST)
    assert journey.state.status is RunStatus.NEEDS_ATTENTION
    return journey


def test_done_takes_the_output_that_the_person_knows_and_goes_on() -> None:
    journey = parked()
    progress = journey.resume(ResumeAnswer.DONE, text="said")
    assert (progress.status, progress.error) == (RunStatus.SUCCEEDED, None)
    assert journey.visit("note").output == {"said": "said"}
    assert journey.visit("send").error is None


def test_done_opens_the_gate_after_the_step() -> None:
    journey = parked(CALL % ", gate: {at: after}")
    journey.resume(ResumeAnswer.DONE, text="said")
    assert journey.opening.content == Params({"text": "said"})


def test_repeat_readies_the_same_approved_call_and_does_not_make_it() -> None:
    journey = parked()
    approved = journey.visit("send")
    progress = journey.resume(ResumeAnswer.REPEAT)
    assert (progress.effect, progress.status, progress.ready_at) == (None, RunStatus.RUNNING, START)
    journey.proceed()
    assert (journey.effect.params, journey.effect.digest) == (approved.params, approved.digest)
    assert (journey.effect.attempt, journey.effect.visit) == (2, 1)


def test_stop_fails_the_run_even_where_errors_continue() -> None:
    journey = parked(CALL % ", on_error: continue")
    progress = journey.resume(ResumeAnswer.STOP)
    assert (progress.status, journey.visit("send").status) == (RunStatus.FAILED, StepStatus.FAILED)
    assert progress.error == "A person stopped the run; whether step send happened is unknown. lost"


def test_stop_needs_no_earlier_error() -> None:
    journey = parked()
    journey.state = replace_fields(journey.state, visits={"send": replace_fields(journey.visit("send"), error=None)})
    assert journey.resume(ResumeAnswer.STOP).error == "A person stopped the run; whether step send happened is unknown."


# -- sleeping -----------------------------------------------------------------------------------------------


def test_a_wait_sleeps_until_exactly_its_time() -> None:
    journey = begun("- {id: nap, uses: wait, with: {for: 10m}}")
    wakes = START + timedelta(minutes=10)
    assert journey.last is not None
    assert (journey.state.status, journey.last.ready_at) == (RunStatus.WAITING, wakes)
    assert journey.visit("nap").keeps_params
    journey.now = wakes - SECOND
    assert journey.proceed().ready_at == wakes
    journey.now = wakes
    assert journey.proceed().status is RunStatus.SUCCEEDED


def test_a_wait_that_is_over_already_does_not_sleep() -> None:
    assert begun("- {id: nap, uses: wait, with: {until: 2020-01-01}}").state.status is RunStatus.SUCCEEDED


def test_a_wait_that_is_too_long_fails_the_step() -> None:
    journey = begun("- {id: nap, uses: wait, with: {until: '{{ inputs.any }}'}}", any="2999-01-01")
    assert journey.state.status is RunStatus.FAILED


# -- cancelling ---------------------------------------------------------------------------------------------


def in_review() -> RunInMemory:
    return begun(GATED)


def approved() -> RunInMemory:
    journey = begun(GATED)
    opening = journey.opening
    review = runs.ReviewResult(state=RequestState.APPROVED, content=opening.content, digest=opening.digest)
    journey.state = replace_fields(journey.state, review=review)
    return journey


def ready() -> RunInMemory:
    journey = approved()
    journey.proceed(may_run_effects=False)
    return journey


def output_in_review() -> RunInMemory:
    journey = begun(CALL % ", gate: {at: after}")
    journey.record(DONE)
    return journey


def retrying() -> RunInMemory:
    journey = begun(CALL % ", retry: {attempts: 2}")
    journey.record(REFUSED)
    return journey


def sleeping() -> RunInMemory:
    return begun("- {id: send, uses: wait, with: {for: 1h}}")


def started() -> RunInMemory:
    return begun(CALL % ", idempotent: true")


@pytest.mark.parametrize("place", [in_review, approved, ready, output_in_review, retrying, sleeping])
def test_a_cancelled_run_stops_where_it_waits(place: Any) -> None:
    journey = place()
    journey.cancel()
    progress = journey.proceed()
    at_rest(journey)
    visit = journey.visit("send")
    assert (progress.status, visit.status, visit.ended_at) == (RunStatus.CANCELLED, StepStatus.STOPPED, START)
    assert (visit.wakes_at, progress.error) == (None, None)
    assert journey.kinds() == ["step.stopped", "run.cancelled"]


@pytest.mark.parametrize("place", [started, parked])
def test_a_cancelled_run_says_that_an_effect_may_have_happened(place: Any) -> None:
    journey = place()
    journey.cancel()
    progress = journey.proceed()
    assert journey.visit("send").status is StepStatus.OUTCOME_UNKNOWN
    assert progress.status is RunStatus.CANCELLED
    assert progress.error == "Whether step send happened before the run was cancelled is unknown."


def test_a_run_cancelled_before_its_first_step_or_after_its_last_ends_cancelled() -> None:
    journey = RunInMemory.of(CALL % "")
    journey.cancel()
    assert journey.proceed().status is RunStatus.CANCELLED
    journey = begun(CALL % "")
    journey.cancel()
    progress = journey.record(DONE)
    assert progress.status is RunStatus.CANCELLED
    assert journey.visit("send").status is StepStatus.SUCCEEDED


@pytest.mark.parametrize("gate", ["", ", gate: {at: after}"])
def test_an_effect_under_way_when_its_run_is_cancelled_is_recorded_and_is_the_last(gate: str) -> None:
    journey = begun(CALL % gate + NOTE)
    journey.cancel()
    progress = journey.record(DONE)
    at_rest(journey)
    assert progress.status is RunStatus.CANCELLED
    assert journey.visit("send").status is StepStatus.SUCCEEDED
    assert progress.events[0].content == {"returned": DONE.output}
    assert "note" not in journey.state.visits


def test_an_effect_that_fails_while_its_run_is_cancelled_is_not_retried() -> None:
    journey = begun(CALL % ", retry: {attempts: 5}")
    journey.cancel()
    progress = journey.record(REFUSED)
    assert (progress.status, journey.visit("send").status) == (RunStatus.CANCELLED, StepStatus.STOPPED)
    journey = begun(CALL % "")
    journey.cancel()
    progress = journey.record(LOST)
    assert (progress.status, journey.visit("send").status) == (RunStatus.CANCELLED, StepStatus.OUTCOME_UNKNOWN)
    journey = begun(CALL % "")
    journey.cancel()
    assert journey.record(REFUSED).status is RunStatus.FAILED


def test_a_cancel_outruns_a_persons_repeat() -> None:
    journey = parked()
    journey.cancel()
    progress = journey.resume(ResumeAnswer.REPEAT)
    at_rest(journey)
    assert (progress.status, progress.ready_at) == (RunStatus.CANCELLED, None)


# -- a step type that breaks its word -----------------------------------------------------------------------


def test_an_inline_step_that_cannot_produce_fails() -> None:
    class Broken(Call):
        nature = Nature.INLINE

        def produce(self, params: Any) -> dict[str, Value]:
            raise InvalidValue("cannot")

    journey = RunInMemory.of(CALL % "")
    step = replace_fields(journey.workflow.steps[0], kind=Broken())
    journey.workflow = replace_fields(journey.workflow, steps=(step,))
    assert journey.proceed().error == "Step send failed: cannot"


def test_amounts_keep_their_digits_from_input_to_output() -> None:
    journey = begun("- {id: a, uses: set, with: {x: '{{ inputs.amount }}'}}", amount=Decimal("9007199254740993.10"))
    assert journey.visit("a").output == {"x": Decimal("9007199254740993.10")}
    assert isinstance(journey.visit("a").started_at, datetime)
