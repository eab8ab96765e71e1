"""`risk` of a gate in a file: what it becomes, and each contradiction at its place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.domain import Assurance, PolicyKind
from engine.oversight.risk import RiskLevel
from engine.workflowfile import Workflow
from tests.support.workflow_files import load_workflow, problems_of

FILE = """name: pay
owner: sam@example.com
inputs:
  amount: {type: money, currency: EUR}
  count: number
  any: money
steps:
  - id: pay
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      approvers: [lee@example.com, kim@example.com]
      %s
"""
TABLE = """risk:
        impact: "{{ content.amount }}"
        reversible: false
        levels:
          low: {opens: false}
          medium: {if: {impact: over 500}}
          high: {if: [{impact: over 5000}, {impact: over 1000, reversible: false}], policy: all, expires: 2d}
          critical: {assurance: sso, approvers: [mia@example.com, ben@example.com], confirm_with: code}"""


def risk(lines: str) -> str:
    """Return a file whose risk is these lines, from line 14 on."""
    indented = "".join(f"        {line}\n" for line in lines.splitlines())
    return FILE % f"risk:\n{indented}"


def gates(workflow: Workflow) -> dict[str, object]:
    gate = workflow.steps[0].gate
    assert gate is not None
    assert gate.risk is not None
    return {str(level): gate for level, gate in gate.risk.gates.items()}


def test_each_level_has_a_gate_of_its_own_with_the_keys_of_those_below() -> None:
    workflow = load_workflow(FILE % TABLE)
    gate = workflow.steps[0].gate
    assert gate is not None
    assert gate.risk is not None
    low, medium, high, critical = (gate.risk.gates[level] for level in RiskLevel)
    assert low is None
    assert medium is not None
    assert high is not None
    assert critical is not None
    assert (medium.policy.kind, medium.expires) == (PolicyKind.ANY, None)
    assert (high.policy.kind, high.expires) == (PolicyKind.ALL, timedelta(days=2))
    assert [person.source for person in high.approvers] == ["lee@example.com", "kim@example.com"]
    assert (critical.policy.kind, critical.expires) == (PolicyKind.ALL, timedelta(days=2))
    assert [person.source for person in critical.approvers] == ["mia@example.com", "ben@example.com"]
    assert (critical.assurance, critical.confirm_with) == (Assurance.SSO, Assurance.CODE)
    assert [(row.level, [bound.text for bound in row.bounds]) for row in gate.risk.rows] == [
        ("medium", ["over 500 EUR"]),
        ("high", ["over 5000 EUR"]),
        ("high", ["over 1000 EUR", "false"]),
    ]
    # Every surface that names the people of a workflow names those of each level.
    named = {template.source for gate in workflow.steps[0].gates for template in gate.people}
    assert "mia@example.com" in named


WRONG = {
    'impact: "{{ inputs.count }}"\nlevels: {medium: {if: {impact: over 500 EUR}}}': [
        "The impact is a number, which has no currency."
    ],
    'impact: "{{ inputs.any }}"\nlevels: {medium: {if: {impact: over 500}}}': ["The impact is money of any currency."],
    'impact: "{{ inputs.amount }}"\nlevels: {medium: {if: {impact: over 500 USD}}}': [
        "The impact is always in EUR, and this counts USD."
    ],
    'impact: "{{ inputs.count }}"\nlevels: {medium: {if: {impact: 500}}}': ["`500` is no condition about impact."],
    'impact: "{{ inputs.count }}"\nlevels: {medium: {if: {impact: over 500 XXY}}}': [
        "`over 500 XXY` is no condition about impact."
    ],
    'impact: "{{ inputs.count }}"\nlevels: {medium: {if: {impact: over nan}}}': [
        "`over nan` is no condition about impact."
    ],
    'confidence: "{{ inputs.count }}"\nlevels: {medium: {if: {confidence: under 200%}}}': [
        "`under 200%` is no condition about confidence."
    ],
    "reversible: false\nlevels: {medium: {if: {reversible: true}}}": ["`true` is no condition about reversible."],
    "reversible: false\nlevels: {medium: {if: {size: 3}}}": [
        "There is no part `size`: a level depends on `reversible`, `impact` and `confidence`."
    ],
    "reversible: false\nlevels: {medium: {if: {}}}": [
        "This must be conditions about `reversible`, `impact` or `confidence`."
    ],
    "reversible: false\nlevels: {huge: {if: {reversible: false}}}": [
        "There is no level `huge`: the levels are `low`, `medium`, `high` and `critical`."
    ],
    "reversible: false\nlevels: {medium: yes}": ["A level is a mapping, like {if: {impact: over 500}, policy: all}."],
    "reversible: false\nlevels: {medium: {if: {reversible: false}, title: x}}": ["A level has no key `title`."],
    'impact: "{{ inputs.count }}"\nreversible: false\nlevels: {medium: {if: {impact: over 500}}}': [
        "`reversible` never counts: no level depends on it."
    ],
    "reversible: false\nlevels: {medium: {if: {impact: over 500}}}": [
        "`reversible` never counts: no level depends on it.",
        "The risk does not say its `impact`.",
    ],
    "reversible: false\nlevels: {low: {if: {reversible: false}}}": ["`low` is what no other level applies to."],
    "reversible: false\nlevels: {medium: {}, high: {if: {reversible: false}}}": ["Nothing leads to `medium`."],
    'impact: "{{ inputs.count }}"\nlevels: {medium: {if: {impact: over 500}}, high: {if: {impact: over 100}}}': [
        "`medium` never holds: where it does, a higher level does, too."
    ],
    "reversible: false\nlevels: {high: {if: {reversible: false}}, critical: {opens: false}}": [
        "What cannot be told counts as `critical`, so people have to be asked there."
    ],
    "reversible: false\nlevels: {high: {if: {reversible: false}, opens: false}}": [
        "No one is asked at `high`, but people are asked at `medium`, which is lower."
    ],
    "reversible: false\nlevels: {low: {opens: false, policy: all}, high: {if: {reversible: false}}}": [
        "No one is asked at `low`, so `policy` has no effect."
    ],
    "reversible: false\nlevels: {high: {if: {reversible: false}, assurance: link}}": [
        "`high` asks for a weaker proof than the gate."
    ],
    "reversible: false\nlevels: {medium: {policy: all, if: {reversible: false}}, high: {policy: {quorum: 2}}}": [
        "Nothing leads to `high`."
    ],
    "reversible: false\nlevels: {low: {policy: {quorum: 2}}, high: {policy: any, if: {reversible: false}}}": [
        "`high` needs fewer approvals than `low`."
    ],
    "reversible: false\nlevels: {high: {policy: {quorum: 3}, if: {reversible: false}}}": [
        "A quorum of 3 can never come together from 2."
    ],
    'impact: "{{ content.amount }} {{ inputs.count }}"\nlevels: {high: {if: {impact: over 5}}}': [
        "`content` can change when people edit it, and `inputs.count` cannot."
    ],
    "3": ["A risk is a mapping of its parts and `levels`."],
}


@pytest.mark.parametrize("lines", WRONG)
def test_contradictions_are_reported(lines: str) -> None:
    text = FILE % f"risk: {lines}" if lines == "3" else risk(lines)
    assert [problem.message for problem in problems_of(text)] == WRONG[lines]


def test_a_gate_that_is_irreversible_says_so_of_its_risk() -> None:
    level = "risk: {levels: {high: {if: {reversible: false}, policy: all}}}"
    workflow = load_workflow(FILE % f"irreversible: true\n      {level}")
    gate = workflow.steps[0].gate
    assert gate is not None
    assert gate.risk is not None
    assert gate.risk.parts["reversible"].render({}) is False
    other = "irreversible: true\n      risk: {reversible: true, levels: {high: {if: {reversible: false}}}}"
    assert [problem.message for problem in problems_of(FILE % other)] == [
        "The gate says `irreversible: true`, and its risk `reversible: true`."
    ]


def test_content_is_known_only_there() -> None:
    (problem,) = problems_of(FILE % 'title: "{{ content.amount }}"')
    assert problem.message == "There is no `content`."


def test_the_impact_of_a_risk_is_the_amount_if_it_is_money() -> None:
    gate = load_workflow(FILE % TABLE).steps[0].gate
    assert gate is not None
    assert gate.amount is not None
    assert gate.amount.source == "{{ content.amount }}"
    other = load_workflow(FILE % f'amount: "{{{{ inputs.count }}}} EUR"\n      {TABLE}').steps[0].gate
    assert other is not None
    assert {variant.amount.source for variant in other.variants if variant.amount} == {"{{ inputs.count }} EUR"}


def test_an_amount_is_money() -> None:
    (problem,) = problems_of(FILE % "amount: 5000")
    assert problem.message == "This must be text, not the number 5000."
    (problem,) = problems_of(FILE % "amount: five EUR")
    assert problem.message == "This is no amount with a currency."
    (problem,) = problems_of(FILE % 'amount: "{{ inputs.count }}"')
    assert problem.message == "`inputs.count` is a number without a currency, which is above every limit."
    assert 'like "{{ inputs.count }} EUR"' in str(problem.hint)


@pytest.mark.parametrize("amount", ["{{ inputs.count }} EUR", "{{ inputs.any }}", "{{ inputs.amount }}"])
def test_an_amount_may_be_money_of_any_currency_and_a_number_with_one(amount: str) -> None:
    gate = load_workflow(FILE % f'amount: "{amount}"').steps[0].gate
    assert gate is not None
    assert gate.amount is not None
    assert gate.amount.source == amount
