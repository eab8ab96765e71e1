"""Money compares with money of its currency, and with a number where the field fixes the currency; nothing else."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import requests
from engine.errors import DefinitionError, ExpressionError
from engine.expressions import APPROVED, compile_template
from engine.json_values import Value
from engine.steps.registry import builtin
from engine.workflowfile import Workflow, load

WORKFLOW = """\
name: a
owner: sam@example.com
inputs:
  euros: {type: money, currency: EUR}
  fee: {type: money, currency: EUR, required: false}
  dollars: {type: money, currency: USD}
  cash: money
  n: number
  any: json
steps:
  - id: ask
    uses: form
    fields: {cost: {type: money, currency: EUR}, other: money}
    approvers: [ann@example.com]
  - id: kept
    uses: set
    with: {sum: "{{ inputs.euros }}", deep: {sum: "{{ inputs.euros }}"}, limit: {amount: "100", currency: EUR}}
  - id: edited
    uses: set
    with: {sum: "{{ inputs.euros }}", typed: "{{ inputs.cash }}", wider: "{{ inputs.euros }}"}
    gate: {edit: [sum, {typed: {type: money, currency: EUR}}, {wider: money}]}
  - id: pay
    uses: http
    with: {method: POST, url: "https://pay.example.com/", json: {sum: "{{ inputs.euros }}"}}
    gate: {edit: [json.sum]}
  - id: one
    uses: set
    with: {x: "{{ CONDITION }}"}
    gate:
      when: "{{ CONDITION }}"
"""
MESSAGE_PLACE = (30, 13)

COMPARES = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def workflow(condition: str) -> Workflow:
    return load(WORKFLOW.replace("CONDITION", condition).encode(), kinds=builtin())


def opens(condition: str, scope: Mapping[str, Value]) -> bool | str:
    gate = workflow(condition).step("one").gate
    assert gate is not None
    return requests.wanted(gate, scope)


def euros(amount: object) -> dict[str, Value]:
    return {"amount": str(amount), "currency": "EUR"}


def scope_with(amount: object) -> dict[str, Value]:
    money = euros(amount)
    return {
        "inputs": {
            "euros": money,
            "fee": None,
            "dollars": {**money, "currency": "USD"},
            "cash": money,
            "n": Decimal(str(amount)),
            "any": money,
        },
        "steps": {
            "ask": {"cost": money, "other": money},
            "kept": {"sum": money, "deep": {"sum": money}, "limit": euros(100)},
            "edited": {"sum": money, "typed": money, "wider": money},
            "pay": {"status": 200},
        },
        APPROVED: {"pay": {"json": {"sum": money}}},
    }


amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=2).map(abs)
symbols = st.sampled_from(sorted(COMPARES))
FIXED = [
    "inputs.euros",
    "steps.ask.cost",
    "steps.kept.sum",
    "steps.kept.deep.sum",
    "steps.edited.sum",
    "steps.pay.approved.json.sum",
    "inputs.fee | default(inputs.euros)",
    "(inputs.euros if inputs.n > 0 else 0)",
    "inputs.euros | default(0)",
    "[inputs.euros, steps.kept.sum] | max",
]


@given(st.sampled_from(FIXED), symbols, amounts, amounts)
def test_money_of_a_fixed_currency_compares_with_a_number_exactly(
    money: str, symbol: str, amount: Decimal, limit: Decimal
) -> None:
    scope = scope_with(amount)
    assert opens(f"{money} {symbol} {limit}", scope) is COMPARES[symbol](amount, limit)
    assert opens(f"{limit} {symbol} {money}", scope) is COMPARES[symbol](limit, amount)
    assert opens(f"{limit} in [{money}]", scope) is (amount == limit)


@given(symbols, amounts, amounts)
def test_money_of_one_currency_compares_exactly_without_a_declaration(
    symbol: str, left: Decimal, right: Decimal
) -> None:
    template = compile_template("{{ a " + symbol + " b }}")
    assert template.render({"a": euros(left), "b": euros(right)}) is COMPARES[symbol](left, right)
    assert template.render({"a": euros(left), "b": {"amount": right, "currency": "EUR"}}) is COMPARES[symbol](
        left, right
    )


def test_an_amount_is_compared_to_its_last_digit() -> None:
    scope = scope_with("0.30")
    assert opens("inputs.euros == 0.1 + 0.2", scope) is True
    assert opens("inputs.euros > 0.29999999999999999999999999999999999999", scope) is True
    assert opens("inputs.euros >= 0.30000000000000000000000000000000000001", scope) is False


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("inputs.cash > 100", "only where the field fixes its currency"),
        ("inputs.cash == 100", "only where the field fixes its currency"),
        ("steps.ask.other > 100", "only where the field fixes its currency"),
        ("inputs.euros > inputs.dollars", "`>` never compares across currencies"),
        ("inputs.euros != inputs.dollars", "`!=` never compares across currencies"),
        ("steps.kept.deep.sum > inputs.dollars", "`>` never compares across currencies"),
        ("steps.pay.approved.json.sum > inputs.dollars", "`>` never compares across currencies"),
        ("steps.kept.limit < inputs.dollars", "`steps.kept.limit` is money in EUR"),
        ("inputs.dollars in [inputs.euros]", "`in` never"),
        ("(inputs.euros if inputs.n > 0 else inputs.dollars) > 3", "only where the field fixes its currency"),
    ],
)
def test_what_can_never_compare_is_found_before_the_run(condition: str, sentence: str) -> None:
    with pytest.raises(DefinitionError) as error:
        workflow(condition)
    problems = [problem for problem in error.value.problems if (problem.line, problem.column) == MESSAGE_PLACE]
    assert sentence in problems[0].message


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        (
            "inputs.any > 100",
            "`>` compares money with a number only where the field fixes its currency, but inputs.any is 7 ",
        ),
        ("100 == inputs.any", "`==` compares money with a number only where the field fixes its currency"),
        ("100 in [inputs.any]", "`in` compares money with a number only where the field fixes its currency"),
        (
            "inputs.any < inputs.dollars",
            "`<` never compares across currencies, but inputs.any is 7 EUR and inputs.dollars is 7 ",
        ),
        ("inputs.any == inputs.dollars", "`==` never compares across currencies"),
        ("inputs.any in [inputs.dollars]", "`in` never compares across currencies"),
        (
            "([inputs.any, inputs.dollars] | max) == inputs.any",
            "`max` never compares across currencies, but this list has",
        ),
        ("steps.edited.wider > 100", "only where the field fixes its currency"),
        ("inputs.cash | default(0) > 100", "only where the field fixes its currency"),
    ],
)
def test_what_only_the_values_tell_opens_the_gate_and_says_why(condition: str, sentence: str) -> None:
    try:
        why = opens(condition, scope_with(7))
    except DefinitionError as error:
        why = str(error.problems[0].message)
    assert isinstance(why, str)
    assert sentence in why


def test_the_amount_of_a_typed_edit_compares_with_a_number() -> None:
    assert opens("inputs.cash > inputs.euros", scope_with(7)) is False
    assert opens("steps.kept.limit > inputs.euros", scope_with(7)) is True
    assert opens("steps.kept.limit > 99", scope_with(7)) is True


@given(st.dictionaries(st.sampled_from(["amount", "currency"]), st.none() | st.text() | st.integers() | st.booleans()))
def test_a_mapping_that_is_no_money_is_never_compared_as_money(value: dict[str, Any]) -> None:
    equal = compile_template("{{ a == b }}")
    assert equal.render({"a": value, "b": value}) is True
    with pytest.raises(ExpressionError):
        compile_template("{{ a > 3 }}").render({"a": value})
