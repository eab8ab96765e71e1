"""`autonomy` on a gate: what a file may say, and where every request has to be reviewed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.workflow_files import gate_file, load_workflow, problems_of, step_file

PLAN = "autonomy: {clean: 100, sample: 10%, only_when: true}"


def test_a_plan_is_read() -> None:
    keys = "edit: [x, text]\nautonomy:\n  clean: 100\n  sample: 12.5%\n  review_after: 20%\n"
    keys += '  only_when: "{{ run.requester == \'ann\' }}"\n  class: "{{ run.requester }}"\n  minor: [text]'
    workflow = load_workflow(gate_file(keys))
    gate = workflow.steps[0].gate
    assert gate is not None
    assert gate.autonomy is not None
    plan = gate.autonomy.plan
    assert (plan.clean, plan.share, plan.later) == (100, Decimal("0.125"), Decimal("0.2"))
    assert gate.autonomy.minor == ("text",)
    assert workflow.has_plans
    (meaning,) = workflow.plan_meanings
    assert "At worst 1 in" in meaning


def test_without_the_key_nothing_has_a_plan() -> None:
    workflow = load_workflow(gate_file("approvers: owner"))
    assert not workflow.has_plans
    assert workflow.plan_meanings == ()


def test_a_tenth_of_what_passes_is_looked_at_unless_the_file_says_more() -> None:
    gate = load_workflow(gate_file(PLAN)).steps[0].gate
    assert gate is not None
    assert gate.autonomy is not None
    assert (gate.autonomy.plan.later, gate.autonomy.only_when) == (Decimal("0.1"), None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{clean: 100, only_when: true}", "`sample`"),
        ("{clean: 100, sample: 10%}", "`only_when`"),
        ("{sample: 10%, only_when: true}", "`clean`"),
        ("{clean: 0, sample: 10%, only_when: true}", "1"),
        ("{clean: 100, sample: 10, only_when: true}", "a share in percent"),
        ("{clean: 100, sample: 0%, only_when: true}", "from 1% to 99%"),
        ("{clean: 100, sample: 0.5%, only_when: true}", "from 1% to 99%"),
        ("{clean: 100, sample: 100%, only_when: true}", "a share in percent"),
        ("{clean: 100, sample: 10%, review_after: most, only_when: true}", "a share in percent"),
        ('{clean: 100, sample: 10%, only_when: "{{ inputs.nothing }}"}', "nothing"),
        ("{clean: 100, sample: 10%, only_when: false}", "never has an effect"),
        ("{clean: 100, sample: 10%, only_when: true, minor: [x]}", "not among the fields of `edit`"),
    ],
)
def test_a_wrong_value_is_a_clear_problem(value: str, message: str) -> None:
    problems = problems_of(gate_file(f"edit: [text]\nautonomy: {value}"))
    assert any(message in f"{problem.message} {problem.hint}" for problem in problems), problems


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("irreversible: true", "`irreversible` allows no `autonomy`"),
        ("approvers: [a@example.com, b@example.com]\npolicy: all", "a second person"),
        ("confirm_with: code", "each decision is signed"),
        ("expires: 2d\non_expiry: continue", "no worst case could be stated"),
    ],
)
def test_where_everything_is_reviewed_nothing_may_go_through(keys: str, message: str) -> None:
    problems = problems_of(gate_file(f"{keys}\n{PLAN}"))
    assert any(message in problem.message for problem in problems), problems


def test_a_form_and_what_a_foreach_repeats_are_always_reviewed() -> None:
    form = step_file(f"id: one\nuses: form\nfields: {{text: text}}\n{PLAN}")
    assert "filled in by a person" in problems_of(form)[0].message
    listed = step_file(
        "id: all\nuses: foreach\nwith: {over: [1, 2]}\nsteps:\n  - id: one\n    uses: set\n    with: {x: 1}\n"
        f"    gate:\n      {PLAN}"
    )
    assert "not independent" in problems_of(listed)[0].message
    together = step_file(
        "id: all\nuses: foreach\nwith: {over: [1, 2]}\nsteps:\n  - id: one\n    uses: set\n    with: {x: 1}\n"
        f"gate:\n  {PLAN}"
    )
    assert any("reviewed together" in problem.message for problem in problems_of(together))


CHOSEN = """
name: flow
inputs: {kind: {type: choice, options: [refund, gift]}, amount: {type: number}}
steps:
  - id: one
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      approvers: owner
      KEYS
      autonomy: {clean: 100, sample: 10%, only_when: true, class: "CLASS"}
"""


def chosen(class_: str, keys: str = "at: before") -> str:
    return CHOSEN.replace("CLASS", class_).replace("KEYS", keys)


def test_a_class_that_the_requester_chooses_has_to_be_seen() -> None:
    (problem,) = problems_of(chosen("{{ inputs.kind }}"))
    assert "`class` reads `inputs.kind`, which the requester chooses and no card shows" in problem.message
    assert "show: [{value:" in (problem.hint or "")
    for keys in (
        'show: [{value: "{{ inputs.kind }}"}]',
        'title: "{{ inputs.kind }}?"',
        'context: {reasoning: "{{ inputs.kind }}"}',
    ):
        assert load_workflow(chosen("{{ inputs.kind }}", keys)).has_plans
    assert load_workflow(chosen("{{ 'small' if inputs.amount < 50 else 'large' }}")).has_plans


def test_what_a_class_follows_from_is_said() -> None:
    (meaning,) = load_workflow(chosen("{{ inputs.amount }} {{ run.requester }}")).plan_meanings
    assert "Which count a run belongs to follows from inputs.amount, which its requester chooses" in meaning
    (meaning,) = load_workflow(chosen("{{ run.requester }}")).plan_meanings
    assert "chooses" not in meaning
