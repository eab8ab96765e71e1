"""The level of risk: from declared parts, by a table, and never lower because something is unclear or claimed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.json_values import Value
from engine.oversight import risk
from engine.oversight.risk import (
    CONFIDENCE,
    IMPACT,
    LEVELS,
    REVERSIBLE,
    Assessment,
    CannotTell,
    RiskBound,
    RiskLevel,
    RiskRow,
    assess,
    covers,
)

AMOUNTS = st.integers(min_value=0, max_value=10**30 - 1).map(str)
IMPACTS = st.one_of(
    AMOUNTS.map(lambda amount: f"over {amount}"),
    AMOUNTS.map(lambda amount: f"over {amount} EUR"),
    st.sampled_from(LEVELS),
).map(lambda text: RiskBound(IMPACT, str(text)))
CONFIDENCES = st.one_of(
    st.integers(min_value=0, max_value=100).map(lambda share: f"under {share}%"), st.sampled_from(LEVELS[:3])
).map(lambda text: RiskBound(CONFIDENCE, str(text)))
BOUNDS = st.one_of(st.just(RiskBound(REVERSIBLE, "false")), IMPACTS, CONFIDENCES)
ROWS = st.builds(RiskRow, st.sampled_from(LEVELS[1:]), st.lists(BOUNDS, min_size=1, max_size=3).map(tuple))
MONEY = st.builds(
    lambda amount, currency: {"amount": format(amount, "f"), "currency": currency},
    st.decimals(min_value=0, max_value=10**12, places=2),
    st.sampled_from(["EUR", "USD", "JPY"]),
)
VALUES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        REVERSIBLE: st.one_of(st.booleans(), st.text(max_size=5), st.none()),
        IMPACT: st.one_of(
            st.integers(), st.decimals(allow_nan=False, allow_infinity=False), MONEY, st.text(max_size=9)
        ),
        CONFIDENCE: st.one_of(st.decimals(min_value=-1, max_value=2), st.sampled_from(["high", "80%", "0.3", "x", ""])),
    }
)


def level(rows: list[RiskRow], **values: Value | CannotTell) -> str:
    return str(assess(rows, values).level)


def row(name: str, **bounds: str) -> RiskRow:
    return RiskRow(RiskLevel(name), tuple(RiskBound(part, text) for part, text in bounds.items()))


TABLE = [
    row("medium", impact="over 500 EUR"),
    row("high", impact="over 5000 EUR"),
    row("high", reversible="false", confidence="under 80%"),
    row("critical", impact="over 50000 EUR", reversible="false"),
]


@pytest.mark.parametrize(
    ("amount", "reversible", "confidence", "expected"),
    [
        ("500", True, Decimal("0.9"), "low"),
        ("500.01", True, Decimal("0.9"), "medium"),
        ("5000", True, "high", "critical"),  # A word where the table has numbers cannot be compared.
        ("5000.01", True, 1, "high"),
        ("-5000.01", True, 1, "high"),  # No sign makes a large amount small.
        ("-500", True, 1, "low"),
        ("1", False, Decimal("0.79"), "high"),
        ("1", False, Decimal("0.80"), "low"),
        ("50000.01", False, 1, "critical"),
        ("50000.01", True, 1, "high"),
        ("9" * 31, True, 1, "critical"),
    ],
)
def test_the_highest_level_counts_whose_conditions_all_hold(
    amount: str, reversible: bool, confidence: Value, expected: str
) -> None:
    money: Value = {"amount": amount, "currency": "EUR"}
    assert level(TABLE, impact=money, reversible=reversible, confidence=confidence) == expected


def test_a_negative_number_counts_as_if_it_were_positive() -> None:
    table = [row("medium", impact="over 100")]
    assert [level(table, impact=amount) for amount in (100, -100, 101, -101, Decimal("-5e3"))] == [
        *("low", "low", "medium", "medium", "medium")
    ]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        (IMPACT, {"amount": "5", "currency": "USD"}, "it is in USD, and the table counts EUR"),
        (IMPACT, 5, "it is a number, and the table counts EUR"),
        (IMPACT, "huge", "huge is not a number, an amount of money, or low, medium, high or critical"),
        (IMPACT, "high", "it is “high”, and the table says “over 500 EUR”"),
        (IMPACT, {"amount": "NaN", "currency": "EUR"}, '{"amount":"NaN","currency":"EUR"} is not a number,'),
        (IMPACT, True, "true is not a number,"),
        (IMPACT, None, "nothing is not a number,"),
        (CONFIDENCE, 80, "80 is not a number from 0 to 1, or low, medium or high"),
        (CONFIDENCE, "120%", "120% is not a number from 0 to 1,"),
        (CONFIDENCE, Decimal("-0.1"), "-0.1 is not a number from 0 to 1,"),
        (REVERSIBLE, "yes", "yes is not true or false"),
        (REVERSIBLE, CannotTell("`inputs.sure` is missing"), "`inputs.sure` is missing"),
        (IMPACT, "x" * 500, f"{'x' * 79}… is not a number,"),
    ],
)
def test_what_cannot_be_told_is_critical_and_says_why(name: str, value: Value | CannotTell, why: str) -> None:
    right: dict[str, Value | CannotTell] = {IMPACT: "5.00 EUR", REVERSIBLE: True, CONFIDENCE: "80%"}
    told = assess(TABLE, {**right, name: value})
    assert told.level is RiskLevel.CRITICAL
    (part,) = told.unclear
    assert part.name == name
    assert part.unclear.startswith(why)


def test_the_parts_say_which_condition_led_to_the_level() -> None:
    told = assess(TABLE, {IMPACT: "7500.00 EUR", REVERSIBLE: True, CONFIDENCE: Decimal("0.6")})
    assert [(part.name, part.text, part.counts) for part in told.parts] == [
        ("reversible", "true", ""),
        ("impact", "7500.00 EUR", "over 5000 EUR"),
        ("confidence", "0.6", ""),
    ]


@given(st.lists(ROWS, max_size=5), VALUES, st.sampled_from(LEVELS))
def test_a_claim_only_raises(rows: list[RiskRow], values: dict[str, Any], claim: RiskLevel) -> None:
    told, claimed = assess(rows, values), assess(rows, values, claim)
    assert claimed.level.rank == max(told.level.rank, claim.rank)
    assert claimed.is_claimed <= (claimed.level is claim)


@given(st.lists(ROWS, max_size=5), VALUES, ROWS)
def test_a_further_row_never_lowers_the_level(rows: list[RiskRow], values: dict[str, Any], more: RiskRow) -> None:
    before, after = assess(rows, values).level, assess([*rows, more], values).level
    assert after.rank >= before.rank


@given(st.lists(ROWS, max_size=5), VALUES, st.sampled_from([REVERSIBLE, IMPACT, CONFIDENCE]))
def test_an_unclear_part_is_always_critical(rows: list[RiskRow], values: dict[str, Any], part: str) -> None:
    assert assess(rows, {**values, part: CannotTell("it is missing")}).level is RiskLevel.CRITICAL


@given(ROWS, ROWS, VALUES)
def test_a_row_that_is_covered_holds_nowhere_else(wider: RiskRow, narrow: RiskRow, values: dict[str, Any]) -> None:
    if not covers(wider, narrow):
        return
    rows = [RiskRow(RiskLevel.HIGH, wider.bounds), RiskRow(RiskLevel.MEDIUM, narrow.bounds)]
    assert assess(rows, values).level is not RiskLevel.MEDIUM


@given(st.one_of(st.text(), st.builds("over {} {}".format, st.text(), st.text())), st.sampled_from(risk.PARTS))
def test_any_text_is_a_bound_or_has_a_sentence(text: str, part: str) -> None:
    problem = risk.find_problem(RiskBound(part, text))
    assert problem == "" or problem.endswith(".")
    if not problem:
        values: dict[str, Any] = {REVERSIBLE: False, IMPACT: 10, CONFIDENCE: 1}
        assert isinstance(assess([RiskRow(RiskLevel.HIGH, (RiskBound(part, text),))], values), Assessment)


def test_a_bound_gets_the_currency_of_its_field() -> None:
    assert risk.with_currency(RiskBound(IMPACT, "over 5"), "EUR") == RiskBound(IMPACT, "over 5 EUR")
    for bound in (RiskBound(IMPACT, "over 5 USD"), RiskBound(IMPACT, "high"), RiskBound(CONFIDENCE, "under 5%")):
        assert risk.with_currency(bound, "EUR") == bound
    assert risk.currency_of(RiskBound(IMPACT, "over 5 USD")) == "USD"
    assert risk.currency_of(RiskBound(IMPACT, "nonsense")) is None
