"""Conditions of gates as choices of a form, and the limits that their reasons name."""

from __future__ import annotations

import pytest

from bot.slack import condition_edits
from bot.slack.condition_edits import ConditionEntry
from engine import workflowfile
from engine.steps import registry
from engine.workflowfile import Workflow

SOURCE = """\
name: refund
title: Refund
inputs:
  amount: {type: money, currency: EUR}
  vip: {type: boolean, label: VIP, required: false}
  note: text
steps:
  - {id: pay, uses: set, with: {x: 1}, gate: {when: "{{ inputs.amount > 1 }}"}}
"""


def workflow() -> Workflow:
    return workflowfile.load(SOURCE.encode(), kinds=registry.all_step_types())


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        (None, ConditionEntry()),
        ("{{ inputs.amount > 100 }}", ConditionEntry("above:amount", "100")),
        ("{{inputs.amount>0.5 or inputs.vip}}", ConditionEntry("above:amount:vip", "0.5")),
        (
            "{{ inputs.amount > 1 or inputs.note }}",
            ConditionEntry("expression", "", "{{ inputs.amount > 1 or inputs.note }}"),
        ),
        ("{{ inputs.note > 1 }}", ConditionEntry("expression", "", "{{ inputs.note > 1 }}")),
        ("{{ inputs.amount >= 1 }}", ConditionEntry("expression", "", "{{ inputs.amount >= 1 }}")),
        (False, ConditionEntry("expression", "", "false")),
    ],
)
def test_a_condition_is_read_and_written_as_it_was(written: str | bool | None, entry: ConditionEntry) -> None:
    found = condition_edits.entry(written, workflow())
    assert found == entry
    assert found.chosen in dict(condition_edits.options(workflow(), found.chosen))
    value, wrong = condition_edits.write(found.chosen, found.limit, found.expression)
    assert wrong == ""
    assert str(value).replace(" ", "") == str(written).replace(" ", "")


def test_each_amount_is_offered_alone_and_with_what_is_yes_or_no() -> None:
    assert condition_edits.options(workflow(), "always") == (
        ("always", "Always"),
        ("above:amount", "“Amount” is above a number"),
        ("above:amount:vip", "“Amount” is above a number, or “VIP” is yes"),
        ("expression", "As an expression says"),
    )


@pytest.mark.parametrize(
    ("text", "before", "after", "expected"),
    [
        ("Over 100 EUR: 4.2", ("above:amount", "100"), ("above:amount:vip", "50"), "Over 50 EUR: 4.2"),
        (
            "{{ 'Over 4 EUR: policy 4.2' }}",
            ("above:amount", "4"),
            ("above:amount", "50"),
            "{{ 'Over 50 EUR: policy 4.2' }}",
        ),
        ("1000, 4100, 100.5 and 100", ("above:amount", "100"), ("above:amount", "7"), "1000, 4100, 100.5 and 7"),
        ("Over 100", ("above:amount", "100"), ("above:other", "50"), "Over 100"),
        ("Over 100", ("above:amount", "100"), ("always", ""), "Over 100"),
        ("Over 100", ("always", ""), ("above:amount", "50"), "Over 100"),
    ],
)
def test_a_reason_names_the_new_limit(
    text: str, before: tuple[str, str], after: tuple[str, str], expected: str
) -> None:
    assert condition_edits.with_new_limit(text, ConditionEntry(*before), ConditionEntry(*after)) == expected
