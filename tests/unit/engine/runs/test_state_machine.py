"""The state machine of a run: the transitions from every state."""

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
CALL_STEP = "- {id: send, uses: call, with: {to: bank, text: hello}%s}\n"
GATED_CALL = CALL_STEP % ", gate: {approvers: [lee@example.com]}"
NOTE_STEP = "- {id: note, uses: set, with: {said: '{{ steps.send.text }}'}}\n"
SUCCESS = StepOutput({"answer": 1, "text": "sent"})
REFUSED, LOST = StepFailure(message="refused"), StepFailure(message="lost", unknown=True)


def check_at_rest(run: RunInMemory) -> None:
    """Check that a run has ended, has an effect, has a time to wake, or waits for people, and only one of these."""
    progress = run.last
    assert progress is not None
    assert not progress.status.ended or (progress.effect, progress.ready_at, progress.opening) == (None, None, None)
    assert (progress.effect is None) or (progress.ready_at is None and progress.opening is None)
    assert (progress.opening is None) or (progress.status is RunStatus.WAITING and progress.ready_at is None)


def started_run(steps: str, **inputs: Value) -> RunInMemory:
    run = RunInMemory.of(steps, **inputs)
    run.proceed()
    check_at_rest(run)
    return run


# -- reaching a step ----------------------------------------------------------------------------------------


def test_inline_steps_run_to_the_end_in_one_transition() -> None:
    run = started_run("- {id: a, uses: set, with: {x: 1}}\n- {id: b, uses: set, with: {y: '{{ steps.a.x + 1 }}'}}")
    assert run.state.status is RunStatus.SUCCEEDED
    assert run.visit("b").output == {"y": 2}
    assert run.kinds() == ["step.succeeded", "step.succeeded", "run.succeeded"]


def test_a_step_whose_condition_is_false_is_skipped_and_leaves_no_output() -> None:
    run = started_run(
        "- {id: a, uses: set, when: '{{ inputs.any }}', with: {x: 1}}\n"
        "- {id: b, uses: set, with: {y: '{{ steps.a.x | default(7) }}'}}",
        any=False,
    )
    assert run.visit("a").status is StepStatus.SKIPPED
    assert run.visit("b").output == {"y": 7}


def test_a_step_whose_condition_is_true_runs() -> None:
    assert started_run("- {id: a, uses: set, when: '{{ inputs.any }}', with: {}}", any=True).visit("a").output == {}


@pytest.mark.parametrize("when", ["{{ inputs.any }}", "{{ inputs.any.missing }}"])
def test_a_condition_of_a_step_that_cannot_be_evaluated_fails_the_step(when: str) -> None:
    run = started_run(CALL_STEP % f", when: '{when}'", any="yes")
    assert run.state.status is RunStatus.FAILED
    assert run.last is not None
    assert (run.last.error or "").startswith("Step “Send” failed: ")
    assert "step.started" not in run.kinds()


@pytest.mark.parametrize("text", ["{{ inputs.any.missing }}", "{{ inputs.amount }}"])
def test_invalid_parameters_fail_the_step_before_any_request(
    text: str,
) -> None:
    run = started_run(f"- {{id: send, uses: call, with: {{to: x, text: '{text}'}}, gate: true}}", any={}, amount=1)
    assert run.state.status is RunStatus.FAILED
    assert run.visit("send").status is StepStatus.FAILED
    assert run.visit("send").attempt == 0


def test_the_names_of_a_run_are_there_for_expressions() -> None:
    run = started_run("- {id: a, uses: set, with: {who: '{{ run.requester }} {{ run.workflow }} {{ run.id }}'}}")
    assert run.visit("a").output == {"who": "Ann demo r1"}


# -- gates --------------------------------------------------------------------------------------------------


def test_a_gate_stops_the_run_before_the_effect_and_an_approval_allows_exactly_that_effect() -> None:
    run = started_run(GATED_CALL + NOTE_STEP)
    assert run.state.status is RunStatus.WAITING
    assert run.visit("send").status is StepStatus.IN_REVIEW
    run.answer(RequestState.APPROVED, text="edited")
    effect = run.effect
    assert effect.params == Params({"to": "bank", "text": "edited"})
    assert effect.digest is not None
    effect.subject.check(effect.params, effect.digest)
    assert (effect.attempt, effect.visit, effect.timeout) == (1, 1, DEFAULT_TIMEOUT)
    assert run.record(SUCCESS).status is RunStatus.SUCCEEDED
    assert run.visit("note").output == {"said": "sent"}


def test_without_permission_to_run_effects_an_approved_run_stops_before_the_effect() -> None:
    run = started_run(GATED_CALL)
    opening = run.opening
    run.proceed(may_run_effects=False)
    assert run.state.status is RunStatus.WAITING
    run.state = replace_fields(
        run.state,
        review=runs.ReviewResult(state=RequestState.APPROVED, content=opening.content, digest=opening.digest),
    )
    progress = run.proceed(may_run_effects=False)
    assert (progress.status, progress.ready_at, progress.effect) == (RunStatus.RUNNING, START, None)
    assert run.visit("send").status is StepStatus.READY
    assert run.visit("send").keeps_params
    assert run.visit("send").attempt == 0
    run.proceed()
    assert run.effect.digest == opening.digest


def test_a_spurious_wake_while_a_request_is_pending_changes_nothing() -> None:
    run = started_run(GATED_CALL)
    opening = run.opening
    run.state = replace_fields(
        run.state,
        review=runs.ReviewResult(state=RequestState.PENDING, content=opening.content, digest=opening.digest),
    )
    for _ in range(2):
        progress = run.proceed()
        assert (progress.visits, progress.opening, progress.status, progress.ready_at) == (
            (),
            None,
            RunStatus.WAITING,
            None,
        )


@pytest.mark.parametrize(
    ("state", "on_expiry", "run_status"),
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
    state: RequestState, on_expiry: OnExpiry, run_status: RunStatus, at: str
) -> None:
    run = started_run(f"- {{id: a, uses: set, with: {{x: 1}}, on_error: continue, gate: {{at: {at}}}}}")
    run.answer(state, on_expiry=on_expiry)
    assert (run.state.status, run.visit("a").status) == (run_status, StepStatus.STOPPED)
    assert run.kinds() == ["step.stopped", f"run.{run_status}"]


def test_an_expired_request_that_continues_is_recorded_without_an_approval() -> None:
    run = started_run(GATED_CALL)
    run.answer(RequestState.EXPIRED, on_expiry=OnExpiry.CONTINUE)
    assert run.kinds() == ["gate.unanswered", "step.started"]
    assert run.effect.params.value == {"to": "bank", "text": "hello"}


@pytest.mark.parametrize("at", ["before", "after"])
def test_an_expired_request_that_continues_does_so_without_changes_that_too_few_approved(at: str) -> None:
    run = started_run(f"- {{id: a, uses: set, with: {{x: 1}}, gate: {{at: {at}}}}}")
    run.answer(RequestState.EXPIRED, on_expiry=OnExpiry.CONTINUE, x=2)
    assert run.visit("a").output == {"x": 1}


def test_later_steps_read_decisions_and_none_for_a_gate_without_a_decision() -> None:
    steps = (
        "- {id: a, uses: set, with: {x: 1}, gate: {expires: 1d, on_expiry: continue}}\n"
        "- {id: b, uses: set, when: '{{ inputs.any is none }}', with: {by: '{{ steps.a.decision }}'}, gate: true}\n"
        "- {id: c, uses: set, with: {a: '{{ steps.a.decision }}', b: '{{ steps.b.decision | default(1) }}'}}"
    )
    run = started_run(steps)
    run.answer(RequestState.EXPIRED, on_expiry=OnExpiry.CONTINUE)
    run.state = replace_fields(run.state, decisions={"b": (1, {"verdict": "approved"}), "c": (1, {"verdict": "mine"})})
    run.answer(RequestState.APPROVED)
    assert run.visit("b").output == {"by": None}
    assert run.visit("c").output == {"a": None, "b": {"verdict": "approved"}}
    without_gate = started_run(steps.replace("expires: 1d, on_expiry: continue", "when: false"), any=1)
    assert without_gate.visit("c").output == {"a": None, "b": 1}


def test_a_gate_after_a_step_reviews_its_output_and_edits_replace_it() -> None:
    run = started_run(CALL_STEP % ", gate: {at: after, when: '{{ steps.send.answer == 1 }}'}" + NOTE_STEP)
    run.record(SUCCESS)
    check_at_rest(run)
    assert run.visit("send").status is StepStatus.OUTPUT_IN_REVIEW
    assert run.opening.subject.at is ReviewPoint.AFTER
    assert run.opening.content == Params({"answer": 1, "text": "sent"})
    run.answer(RequestState.APPROVED, text="better")
    assert run.visit("send").output == {"answer": 1, "text": "better"}
    assert run.visit("note").output == {"said": "better"}


def test_a_gate_after_a_step_whose_condition_is_false_is_passed() -> None:
    run = started_run(CALL_STEP % ", gate: {at: after, when: '{{ steps.send.answer > 1 }}'}")
    run.record(SUCCESS)
    assert run.kinds() == ["gate.passed", "step.succeeded", "run.succeeded"]


def test_a_run_asks_once_for_each_of_its_gates_in_order() -> None:
    run = started_run(
        "- {id: a, uses: set, with: {x: 1}, gate: true}\n"
        + CALL_STEP % ", gate: {at: after}"
        + "- {id: b, uses: set, with: {y: '{{ steps.a.x }}'}, gate: true}"
    )
    asked_steps = [run.opening.subject.step]
    run.answer(RequestState.APPROVED, x=2)
    run.record(SUCCESS)
    asked_steps.append(run.opening.subject.step)
    run.answer(RequestState.APPROVED)
    asked_steps.append(run.opening.subject.step)
    assert run.opening.content == Params({"y": 2})
    run.answer(RequestState.APPROVED)
    assert (asked_steps, run.state.status) == (["a", "send", "b"], RunStatus.SUCCEEDED)


def approve_tampered_content(run: RunInMemory) -> None:
    """Approve the request with content that does not match its digest."""
    opening = run.opening
    tampered = Params({**opening.content.value, "text": "tampered"})
    run.state = replace_fields(
        run.state, review=runs.ReviewResult(state=RequestState.APPROVED, content=tampered, digest=opening.digest)
    )
    run.proceed()


@pytest.mark.parametrize("at", ["before", "after"])
def test_tampered_content_never_runs_and_is_never_passed_on(at: str) -> None:
    run = started_run(f"- {{id: a, uses: set, with: {{text: draft}}, gate: {{at: {at}}}}}")
    approve_tampered_content(run)
    assert run.state.status is RunStatus.FAILED
    assert "not what was approved" in (run.visit("a").error or "")


def test_an_effect_carries_the_digest_that_reveals_tampering() -> None:
    run = started_run(GATED_CALL)
    approve_tampered_content(run)
    assert run.effect.digest is not None
    with pytest.raises(Exception, match="not what was approved"):
        run.effect.subject.check(run.effect.params, run.effect.digest)


def test_an_approval_of_another_version_of_the_workflow_does_not_count() -> None:
    run = started_run("- {id: a, uses: set, with: {text: draft}, gate: true}")
    run.workflow = replace_fields(run.workflow, hash="another")
    run.answer(RequestState.APPROVED)
    assert run.state.status is RunStatus.FAILED


# -- effects and their outcomes -----------------------------------------------------------------------------


def test_an_effect_has_the_timeout_of_its_step_and_its_output_is_recorded() -> None:
    run = started_run(CALL_STEP % ", timeout: 5s")
    assert run.effect.timeout == timedelta(seconds=5)
    assert run.effect.digest is None
    run.record(SUCCESS)
    assert run.last is not None
    assert run.last.events[0].content == {"returned": SUCCESS.output}


def test_a_large_output_is_recorded_by_its_digest_and_length() -> None:
    run = started_run(CALL_STEP % "")
    run.record(StepOutput({"text": "x" * 5000}))
    assert run.last is not None
    assert run.last.events[0].content.keys() == {"returned_digest", "returned_length"}


def test_a_definite_failure_is_retried_with_doubling_waits_and_then_fails_the_run() -> None:
    run = started_run(CALL_STEP % ", retry: {attempts: 4, wait: 2s}")
    waits = []
    for _ in range(3):
        progress = run.record(REFUSED)
        assert progress.status is RunStatus.WAITING
        assert progress.ready_at is not None
        waits.append((progress.ready_at - run.now).total_seconds())
        run.now = progress.ready_at - SECOND
        assert run.proceed().effect is None
        run.now = progress.ready_at
        run.proceed()
    assert waits == [2, 4, 8]
    assert run.effect.attempt == 4
    progress = run.record(REFUSED)
    assert (progress.status, progress.error) == (RunStatus.FAILED, "Step “Send” failed: refused")


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (None, timedelta(seconds=2)),
        (timedelta(0), timedelta(seconds=2)),
        (-SECOND, timedelta(seconds=2)),
        (timedelta(seconds=30), timedelta(seconds=30)),
        (timedelta.max, MAX_RETRY_AFTER),
    ],
)
def test_retry_after_can_lengthen_the_wait_up_to_a_limit(retry_after: timedelta | None, wait: timedelta) -> None:
    run = started_run(CALL_STEP % ", retry: {attempts: 2, wait: 2s}")
    progress = run.record(StepFailure(message="busy", retry_after=retry_after))
    assert progress.ready_at == START + wait


def test_a_final_failure_is_not_retried() -> None:
    run = started_run(CALL_STEP % ", retry: {attempts: 5}")
    assert run.record(StepFailure(message="no", final=True)).status is RunStatus.FAILED


def test_an_unknown_outcome_needs_attention_unless_the_step_may_be_repeated() -> None:
    run = started_run(CALL_STEP % ", retry: {attempts: 5}, on_error: continue")
    progress = run.record(LOST)
    assert (progress.status, progress.error, progress.ready_at) == (RunStatus.NEEDS_ATTENTION, "lost", None)
    assert run.visit("send").status is StepStatus.OUTCOME_UNKNOWN
    assert run.proceed().status is RunStatus.NEEDS_ATTENTION


@pytest.mark.parametrize(
    "step",
    [
        CALL_STEP % ", idempotent: true, retry: {attempts: 2}",
        "- {id: send, uses: call, with: {to: nowhere}, retry: {attempts: 2}}\n",
    ],
)
def test_an_unknown_outcome_of_a_repeatable_step_is_retried_like_a_failure(step: str) -> None:
    run = started_run(step)
    assert run.record(LOST).status is RunStatus.WAITING
    run.pass_time(hours=1)
    run.proceed()
    assert run.record(LOST).status is RunStatus.FAILED


def test_the_file_can_forbid_a_repetition_that_the_step_type_allows() -> None:
    run = started_run("- {id: send, uses: call, with: {to: nowhere}, idempotent: false}")
    assert run.record(LOST).status is RunStatus.NEEDS_ATTENTION


def test_later_steps_read_the_error_of_a_step_with_on_error_continue() -> None:
    run = started_run(
        CALL_STEP % ", on_error: continue" + "- {id: b, uses: set, with: {why: '{{ steps.send.error }}'}}"
    )
    run.record(REFUSED)
    assert run.state.status is RunStatus.SUCCEEDED
    assert run.visit("b").output == {"why": "refused"}


# -- crashes ------------------------------------------------------------------------------------------------


def test_a_crash_during_an_effect_that_must_not_be_repeated_asks_a_person() -> None:
    run = started_run(CALL_STEP % "")
    progress = run.proceed()
    assert (progress.status, progress.effect) == (RunStatus.NEEDS_ATTENTION, None)
    assert "not clear whether it happened" in (progress.error or "")


def test_a_repeatable_effect_is_repeated_after_a_limited_number_of_crashes() -> None:
    run = started_run(CALL_STEP % ", idempotent: true")
    params = run.effect.params
    for attempt in range(2, MAX_CRASHES + 1):
        run.proceed()
        assert (run.effect.attempt, run.effect.params, run.effect.visit) == (attempt, params, 1)
    assert run.proceed().status is RunStatus.NEEDS_ATTENTION


def test_a_started_visit_without_parameters_is_judged_by_its_kind_alone() -> None:
    run = started_run(CALL_STEP % "")
    run.state = replace_fields(run.state, visits={"send": replace_fields(run.visit("send"), params=None)})
    assert run.proceed().status is RunStatus.NEEDS_ATTENTION


# -- the answer of the owner --------------------------------------------------------------------------------


def run_needing_attention(steps: str = GATED_CALL + NOTE_STEP) -> RunInMemory:
    run = started_run(steps)
    if run.state.status is RunStatus.WAITING:
        run.answer(RequestState.APPROVED)
    run.record(LOST)
    assert run.state.status is RunStatus.NEEDS_ATTENTION
    return run


def test_done_takes_the_output_that_the_person_gives_and_continues() -> None:
    run = run_needing_attention()
    progress = run.resume(ResumeAnswer.DONE, text="said")
    assert (progress.status, progress.error) == (RunStatus.SUCCEEDED, None)
    assert run.visit("note").output == {"said": "said"}
    assert run.visit("send").error is None


def test_done_opens_the_gate_after_the_step() -> None:
    run = run_needing_attention(CALL_STEP % ", gate: {at: after}")
    run.resume(ResumeAnswer.DONE, text="said")
    assert run.opening.content == Params({"text": "said"})


def test_repeat_readies_the_same_approved_call_and_does_not_make_it() -> None:
    run = run_needing_attention()
    approved_visit = run.visit("send")
    progress = run.resume(ResumeAnswer.REPEAT)
    assert (progress.effect, progress.status, progress.ready_at) == (None, RunStatus.RUNNING, START)
    run.proceed()
    assert (run.effect.params, run.effect.digest) == (approved_visit.params, approved_visit.digest)
    assert (run.effect.attempt, run.effect.visit) == (2, 1)


def test_stop_fails_the_run_even_where_errors_continue() -> None:
    run = run_needing_attention(CALL_STEP % ", on_error: continue")
    progress = run.resume(ResumeAnswer.STOP)
    assert (progress.status, run.visit("send").status) == (RunStatus.FAILED, StepStatus.FAILED)
    assert progress.error == "The run was stopped before it was clear whether “Send” happened. lost"


def test_stop_needs_no_earlier_error() -> None:
    run = run_needing_attention()
    run.state = replace_fields(run.state, visits={"send": replace_fields(run.visit("send"), error=None)})
    assert run.resume(ResumeAnswer.STOP).error == "The run was stopped before it was clear whether “Send” happened."


# -- sleeping -----------------------------------------------------------------------------------------------


def test_a_wait_sleeps_until_exactly_its_time() -> None:
    run = started_run("- {id: nap, uses: wait, with: {for: 10m}}")
    wakes = START + timedelta(minutes=10)
    assert run.last is not None
    assert (run.state.status, run.last.ready_at) == (RunStatus.WAITING, wakes)
    assert run.visit("nap").keeps_params
    run.now = wakes - SECOND
    assert run.proceed().ready_at == wakes
    run.now = wakes
    assert run.proceed().status is RunStatus.SUCCEEDED


def test_a_wait_that_is_over_already_does_not_sleep() -> None:
    assert started_run("- {id: nap, uses: wait, with: {until: 2020-01-01}}").state.status is RunStatus.SUCCEEDED


def test_a_wait_that_is_too_long_fails_the_step() -> None:
    run = started_run("- {id: nap, uses: wait, with: {until: '{{ inputs.any }}'}}", any="2999-01-01")
    assert run.state.status is RunStatus.FAILED


# -- cancelling ---------------------------------------------------------------------------------------------


def run_in_review() -> RunInMemory:
    return started_run(GATED_CALL)


def approved_run() -> RunInMemory:
    run = started_run(GATED_CALL)
    opening = run.opening
    review = runs.ReviewResult(state=RequestState.APPROVED, content=opening.content, digest=opening.digest)
    run.state = replace_fields(run.state, review=review)
    return run


def ready_run() -> RunInMemory:
    run = approved_run()
    run.proceed(may_run_effects=False)
    return run


def run_with_output_in_review() -> RunInMemory:
    run = started_run(CALL_STEP % ", gate: {at: after}")
    run.record(SUCCESS)
    return run


def retrying_run() -> RunInMemory:
    run = started_run(CALL_STEP % ", retry: {attempts: 2}")
    run.record(REFUSED)
    return run


def sleeping_run() -> RunInMemory:
    return started_run("- {id: send, uses: wait, with: {for: 1h}}")


def run_with_started_step() -> RunInMemory:
    return started_run(CALL_STEP % ", idempotent: true")


@pytest.mark.parametrize(
    "start_run", [run_in_review, approved_run, ready_run, run_with_output_in_review, retrying_run, sleeping_run]
)
def test_a_cancelled_run_stops_where_it_waits(start_run: Any) -> None:
    run = start_run()
    run.cancel()
    progress = run.proceed()
    check_at_rest(run)
    visit = run.visit("send")
    assert (progress.status, visit.status, visit.ended_at) == (RunStatus.CANCELLED, StepStatus.STOPPED, START)
    assert (visit.wakes_at, progress.error) == (None, None)
    assert run.kinds() == ["step.stopped", "run.cancelled"]


@pytest.mark.parametrize("start_run", [run_with_started_step, run_needing_attention])
def test_a_cancelled_run_says_that_an_effect_may_have_happened(start_run: Any) -> None:
    run = start_run()
    run.cancel()
    progress = run.proceed()
    assert run.visit("send").status is StepStatus.OUTCOME_UNKNOWN
    assert progress.status is RunStatus.CANCELLED
    assert progress.error == "The run was cancelled before it was clear whether “Send” happened."


def test_a_run_cancelled_before_its_first_step_or_after_its_last_ends_cancelled() -> None:
    run = RunInMemory.of(CALL_STEP % "")
    run.cancel()
    assert run.proceed().status is RunStatus.CANCELLED
    run = started_run(CALL_STEP % "")
    run.cancel()
    progress = run.record(SUCCESS)
    assert progress.status is RunStatus.CANCELLED
    assert run.visit("send").status is StepStatus.SUCCEEDED


@pytest.mark.parametrize("gate", ["", ", gate: {at: after}"])
def test_an_effect_under_way_when_its_run_is_cancelled_is_recorded_and_is_the_last(gate: str) -> None:
    run = started_run(CALL_STEP % gate + NOTE_STEP)
    run.cancel()
    progress = run.record(SUCCESS)
    check_at_rest(run)
    assert progress.status is RunStatus.CANCELLED
    assert run.visit("send").status is StepStatus.SUCCEEDED
    assert progress.events[0].content == {"returned": SUCCESS.output}
    assert "note" not in run.state.visits


def test_an_effect_that_fails_while_its_run_is_cancelled_is_not_retried() -> None:
    run = started_run(CALL_STEP % ", retry: {attempts: 5}")
    run.cancel()
    progress = run.record(REFUSED)
    assert (progress.status, run.visit("send").status) == (RunStatus.CANCELLED, StepStatus.STOPPED)
    run = started_run(CALL_STEP % "")
    run.cancel()
    progress = run.record(LOST)
    assert (progress.status, run.visit("send").status) == (RunStatus.CANCELLED, StepStatus.OUTCOME_UNKNOWN)
    run = started_run(CALL_STEP % "")
    run.cancel()
    assert run.record(REFUSED).status is RunStatus.FAILED


def test_a_cancelled_run_is_not_repeated() -> None:
    run = run_needing_attention()
    run.cancel()
    progress = run.resume(ResumeAnswer.REPEAT)
    check_at_rest(run)
    assert (progress.status, progress.ready_at) == (RunStatus.CANCELLED, None)


# -- a step type that fails ---------------------------------------------------------------------------------


def test_an_inline_step_that_cannot_produce_fails() -> None:
    class Broken(Call):
        nature = Nature.INLINE

        def produce(self, params: Any) -> dict[str, Value]:
            raise InvalidValue("cannot")

    run = RunInMemory.of(CALL_STEP % "")
    step = replace_fields(run.workflow.steps[0], kind=Broken())
    run.workflow = replace_fields(run.workflow, steps=(step,))
    assert run.proceed().error == "Step “Send” failed: cannot"


def test_amounts_keep_their_digits_from_input_to_output() -> None:
    run = started_run("- {id: a, uses: set, with: {x: '{{ inputs.amount }}'}}", amount=Decimal("9007199254740993.10"))
    assert run.visit("a").output == {"x": Decimal("9007199254740993.10")}
    assert isinstance(run.visit("a").started_at, datetime)
