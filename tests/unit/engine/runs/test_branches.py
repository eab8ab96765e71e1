"""The state machine at a branch: which path it takes, and what is left of the others."""

from __future__ import annotations

import pytest

from engine.domain import RequestState, RunStatus, StepStatus
from engine.json_values import Value
from engine.runs import StepOutput
from tests.support.run_in_memory import RunInMemory

STEPS = """
- id: first
  uses: set
  with: {asked: "{{ review.comment }}"}
- id: size
  uses: branch
  paths:
    large:
      when: "{{ inputs.amount > 100 and review.round == 0 }}"
      steps:
        - {id: pay, uses: call, with: {to: bank, text: hello}}
        - id: check
          uses: set
          with: {said: "{{ steps.pay.text }}"}
          gate: {approvers: [lee@example.com], revise: first}
    medium:
      when: "{{ inputs.amount > 10 }}"
      steps:
        - {id: note, uses: set, with: {x: "{{ steps.first.asked }}"}}
- id: last
  uses: set
  with: {path: "{{ steps.size.path }}", said: "{{ steps.check.said | default('none') }}"}
"""


def started(amount: Value, steps: str = STEPS) -> RunInMemory:
    run = RunInMemory.of(steps, amount=amount)
    run.proceed()
    return run


@pytest.mark.parametrize(("amount", "path"), [(50, "medium"), (5, "otherwise")])
def test_the_first_path_whose_condition_is_true_is_taken_and_then_the_step_after_the_branch(
    amount: int, path: str
) -> None:
    run = started(amount)
    assert run.state.status is RunStatus.SUCCEEDED
    assert run.visit("last").output == {"path": path, "said": "none"}
    assert {*run.state.visits} == {"first", "size", "last"} | ({"note"} if path == "medium" else set())
    assert run.last is not None
    assert {**run.last.events[1].content} == {"path": path}


def test_a_run_that_comes_back_and_takes_another_path_leaves_nothing_of_the_first() -> None:
    run = started(500)
    run.record(StepOutput({"text": "sent"}))
    run.ask_for_changes("smaller")
    assert run.state.status is RunStatus.SUCCEEDED
    assert run.visit("note").output == {"x": "smaller"}
    assert run.visit("last").output == {"path": "medium", "said": "none"}
    assert run.visit("pay").status is run.visit("check").status is StepStatus.SKIPPED


def test_a_condition_that_cannot_be_evaluated_fails_the_branch() -> None:
    steps = """
    - id: size
      uses: branch
      %s
      paths: {p: {when: "{{ inputs.any.missing }}", steps: [{id: inner, uses: set, with: {x: 1}}]}}
    - {id: last, uses: set, with: {x: "{{ steps.size.error | default('') }}"}}
    """
    run = started(1, steps % "title: Size")
    assert run.state.status is RunStatus.FAILED
    run = started(1, steps % "on_error: continue")
    assert run.state.status is RunStatus.SUCCEEDED
    assert "inner" not in run.state.visits


def test_a_rejection_and_a_cancel_end_a_run_inside_a_path() -> None:
    run = started(500)
    run.record(StepOutput({"text": "sent"}))
    run.answer(RequestState.REJECTED)
    assert run.state.status is RunStatus.REJECTED
    run = started(500)
    run.cancel()
    run.record(StepOutput({"text": "sent"}))
    assert run.state.status is RunStatus.CANCELLED
    assert run.visit("pay").status is StepStatus.SUCCEEDED
