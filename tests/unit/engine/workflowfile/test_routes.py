"""`routes` of a file: what they become, and each mistake at its place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import requests
from engine.workflowfile import load
from tests.support.workflow_files import KINDS, load_workflow, problems_of

FILE = """name: pay
owner: sam@example.com
inputs:
  amount: number
routes:
  payments: %s
steps:
  - id: pay
    uses: set
    with: {a: 1}
    gate: {approvers: ["route:payments"]%s}
"""
RULES = """
    - when: "{{ inputs.amount > 5000 }}"
      to: ["role:finance"]
      because: Payments over 5,000
    - {action: [set, "refund_*"], department: [Sales, support], to: lee@example.com, working: true, expires: 4h}
    - {to: ["role:support"], least_loaded: 2}"""


def test_a_route_has_rules_in_order() -> None:
    gate = load_workflow(FILE % (RULES, "")).steps[0].gate
    assert gate is not None
    assert gate.route is not None
    first, second, last = gate.route.rules
    assert (first.number, first.because, first.when is not None) == (1, "Payments over 5,000", True)
    assert (second.action, second.department, second.working) == (("set", "refund_*"), ("sales", "support"), True)
    assert second.expires == timedelta(hours=4)
    assert (last.least_loaded, last.may_pass) == (2, False)
    assert [person.source for person in gate.people] == ["role:finance", "lee@example.com", "role:support"]


WRONG = {
    "[]": "A route is a list of rules, like [{when: …, to: [owner]}].",
    "3": "A route is a list of rules, like [{when: …, to: [owner]}].",
    "[3]": "A rule of a route is a mapping, like {to: [owner]}.",
    "[{when: true}]": "A rule of a route needs the key `to`.",
    "[{to: []}]": "This needs at least 1 entry.",
    "[{to: [owner], when: false}]": "A rule with `when: false` never applies.",
    "[{to: [owner]}, {to: [sam@example.com]}]": "This rule is never reached: rule 1 always applies.",
    '[{to: [owner], when: "{{ inputs.amunt > 3 }}"}]': "There is no input `amunt`.",
    '[{to: ["route:payments"]}]': "A route stands alone in `approvers` of a gate.",
    '[{to: [owner], department: "a\\u202eb"}]': "A department is one line of at most 75 visible characters.",
    "[{to: [owner], least_loaded: 0}]": "This must be at least 1.",
}


@pytest.mark.parametrize("rules", WRONG)
def test_mistakes_are_reported(rules: str) -> None:
    messages = [problem.message for problem in problems_of(FILE % (rules, ""))]
    assert messages == [WRONG[rules]]


EFFECTLESS = {
    ("[{to: [requester], working: true}, {to: [owner]}]", ", exclude: [requester]"): (
        "This rule asks no one: the person who started the run is excluded."
    ),
    ("[{to: [owner, lee@example.com]}]", ", policy: {quorum: 3}"): (
        "The gate needs 3 approvals, and this rule asks at most 2."
    ),
    ('[{to: ["role:support"], least_loaded: 1}]', ", policy: {quorum: 2}"): (
        "The gate needs 2 approvals, and this rule asks at most 1."
    ),
    ("[{to: [owner], escalate: {to: [lee@example.com]}}]", ""): "`escalate` does not say when.",
    ("[{to: [owner], escalate: {after: 2d, to: [lee@example.com]}}]", ", expires: 2d"): (
        "`escalate` has no effect: the request expires earlier."
    ),
    ("[{to: [owner], expires: 4h}]", ", expires: 2d, escalate: {after: 4h, to: [lee@example.com]}"): (
        "The gate escalates later than that, so with this rule it never does."
    ),
    ("[{to: [lee@example.com], escalate: {after: 1h, to: [LEE@example.com]}}]", ""): (
        "`escalate` names no one else: all of them are asked already."
    ),
    ("[{to: [owner], escalate: {after: 1h, to: [requester]}}]", ""): (
        "`escalate` names no one else: the person who started the run is not asked in this way."
    ),
    ("[{to: [owner], expires: 24h}]", ", expires: 2d, hours: true"): (
        "`24h` is not clear in working hours: a working day is shorter than 24 hours."
    ),
}


@pytest.mark.parametrize(("rules", "gate"), EFFECTLESS)
def test_what_of_a_rule_never_takes_effect_at_its_gate_is_reported(rules: str, gate: str) -> None:
    text = FILE % (rules, gate)
    assert [problem.message for problem in problems_of(text)] == [EFFECTLESS[rules, gate]]
    assert load(text.encode(), kinds=KINDS, registered=True).steps[0].gate is not None


def test_a_rule_says_who_is_asked_as_well() -> None:
    rules = (
        "[{when: '{{ inputs.amount > 5 }}', to: [owner], escalate: {after: 2h, to: [lee@example.com, requester]}},"
        " {to: [requester], escalate: {to: [owner]}}]"
    )
    gate = ", exclude: [], expires: 2d, on_expiry: escalate, escalate: {to: [kim@example.com]}"
    read = load_workflow(FILE % (rules, gate)).steps[0].gate
    assert read is not None
    assert read.route is not None
    first, second = read.route.rules
    assert (first.escalate_after, second.escalate_after) == (timedelta(hours=2), None)
    assert [person.source for person in read.route.people] == [
        *("owner", "lee@example.com", "requester"),
        *("requester", "owner"),
    ]


def test_a_route_stands_alone_and_exists_and_is_used() -> None:
    text = FILE % ("[{to: [owner]}]", "")
    unused, problem = problems_of(text.replace('"route:payments"]', '"route:payment"]'))
    assert problem.message == "There is no route `payment` in this file."
    assert unused.message == "No gate names this route."
    (problem,) = problems_of(text.replace('"route:payments"]', '"route:payments", owner]'))
    assert problem.message == "A route stands alone in `approvers` of a gate."
    (problem,) = problems_of(text.replace('["route:payments"]', "[owner]"))
    assert problem.message == "No gate names this route."
    (problem,) = problems_of(text.replace("inputs:", 'may_run: ["route:payments"]\ninputs:'))
    assert "Who may start a workflow is known before it runs" in problem.message


def test_a_level_of_risk_may_name_a_route() -> None:
    risk = ', risk: {reversible: false, levels: {high: {if: {reversible: false}, approvers: ["route:payments"]}}}'
    text = (FILE % ("[{to: [owner]}]", risk)).replace('{approvers: ["route:payments"],', "{approvers: [owner],")
    gate = load_workflow(text).steps[0].gate
    assert gate is not None
    assert gate.route is None
    assert any(variant.route is not None for variant in gate.variants)


def test_a_replay_names_the_route() -> None:
    gate = load_workflow(FILE % ("[{to: [owner]}]", "")).steps[0].gate
    assert gate is not None
    assert requests.asked_people(gate, {}) == ("route:payments",)
