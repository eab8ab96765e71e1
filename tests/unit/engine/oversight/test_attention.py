"""Figures of how long people look, for themselves and together, and the one line more on a card."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fields import FieldType
from engine.json_values import Value
from engine.oversight import attention
from engine.oversight.attention import ShownValue, TimedDecision

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def look(
    seconds: float | None = 3.0, *, person: str = "p1", exact: bool = True, changed: bool = False, row: int = 1
) -> TimedDecision:
    return TimedDecision(
        person=person, seconds=seconds, is_exact=exact, is_approval=True, is_changed=changed, in_a_row=row
    )


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def test_a_known_view_is_exact_and_everything_else_is_an_upper_limit() -> None:
    told = {"asked_at": ago(600), "previous_at": ago(40)}
    assert attention.seconds(NOON, viewed_at=ago(6), **told) == 6
    assert attention.seconds(NOON, viewed_at=ago(90), **told) == 90
    assert attention.seconds(NOON, viewed_at=None, **told) == 40
    assert attention.seconds(NOON, viewed_at=None, asked_at=ago(30), previous_at=ago(40)) == 30
    assert attention.seconds(NOON, viewed_at=None, asked_at=ago(30), previous_at=None) == 30
    assert attention.seconds(NOON, viewed_at=ago(-5), **told) == 0, "the clock of another server was ahead"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80))
def test_a_row_counts_approvals_without_a_change_since_the_last_other_decision(made: list[tuple[bool, bool]]) -> None:
    count = 0
    for number, (is_approval, is_changed) in enumerate(made, 1):
        count = attention.in_a_row(count, is_approval=is_approval, is_changed=is_changed)
        row = [approval and not changed for approval, changed in made[:number]]
        assert count == next((at for at, plain in enumerate(reversed(row)) if not plain), len(row))


LOOKS = st.builds(
    look,
    st.none() | st.floats(0, 1e6),
    person=st.sampled_from("abcdefgh"),
    exact=st.booleans(),
    changed=st.booleans(),
    row=st.integers(0, 60),
)


@given(st.lists(LOOKS, max_size=40))
def test_figures_are_about_the_last_twenty(looks: list[TimedDecision]) -> None:
    figures = attention.figures(looks)
    recent = looks[:20]
    times = [one.seconds for one in recent if one.seconds is not None]
    assert (figures.decisions, figures.timed) == (len(recent), len(times))
    assert figures.middle == (statistics.median(times) if times else None)
    assert figures.quick == sum(time < 5 for time in times)
    assert figures.changed == sum(one.is_changed for one in recent)
    if attention.is_hurried(figures):
        assert len(times) == 20
        assert figures.in_a_row % 20 == 0
        assert statistics.median(times) < 4


@pytest.mark.parametrize("row", [20, 40, 1000])
def test_the_next_card_says_more_after_twenty_quick_approvals_and_not_again_before_forty(row: int) -> None:
    quick = [look(3.9, row=row - at) for at in range(20)]
    assert attention.is_hurried(attention.figures(quick))
    assert not attention.is_hurried(attention.figures([look(3.9, row=row + 1), *quick]))
    assert not attention.is_hurried(attention.figures([look(4.0, row=row - at) for at in range(20)]))
    assert not attention.is_hurried(attention.figures([look(None, row=row), *quick[1:]])), "no time of its own"
    assert not attention.is_hurried(attention.figures(quick[:19]))


@given(st.lists(LOOKS, max_size=80), st.sampled_from("abcdefgh"))
def test_others_see_figures_of_at_least_five_people_besides_themselves(looks: list[TimedDecision], reader: str) -> None:
    shared = attention.shared_figures(looks, without=reader)
    counted = {
        one.person for one in looks if one.person != reader and sum(two.person == one.person for two in looks) >= 3
    }
    assert (shared is None) == (len(counted) < 5)
    if shared is not None:
        theirs = [one for one in looks if one.person in counted]
        assert shared.people == len(counted)
        assert 0 <= shared.quick <= 1
        assert 0 <= shared.changed <= 1
        assert shared == attention.shared_figures(theirs, without=reader), "what the reader did is not in it"


def test_one_person_who_decides_much_counts_as_one_person() -> None:
    busy = [look(1.0, person="busy", changed=True)] * 900
    others = [look(60.0, person=name) for name in "abcd"] * 3
    shared = attention.shared_figures([*busy, *others], without="owner")
    assert shared is not None
    assert (shared.people, shared.decisions, shared.middle) == (5, 912, 60.0)
    assert shared.quick == pytest.approx(0.2)
    assert shared.changed == pytest.approx(0.2)


def shown(kind: FieldType, value: Value, name: str = "field") -> ShownValue:
    return ShownValue(label=f"{kind} {name}", name=name, type=kind, value=value)


def test_the_riskiest_value_is_the_largest_sum_then_an_address_a_recipient_and_the_largest_number() -> None:
    values = [
        shown(FieldType.TEXT, "hello"),
        shown(FieldType.NUMBER, Decimal("-900.5")),
        shown(FieldType.INTEGER, 12),
        shown(FieldType.TEXT, "C1", "channel"),
        shown(FieldType.EMAIL, "ann@example.com"),
        shown(FieldType.MONEY, {"amount": "12.00", "currency": "EUR"}),
        shown(FieldType.MONEY, {"amount": "1200.00", "currency": "EUR"}),
    ]
    for at in (6, 5, 4, 3, 1, 2, 0):
        assert attention.riskiest(values) == values[at]
        values[at] = shown(FieldType.JSON, None, "nothing")
    assert attention.riskiest([]) is None


@given(st.lists(st.builds(shown, st.sampled_from(FieldType), st.none() | st.booleans() | st.text() | st.integers())))
def test_any_values_have_a_riskiest_one(values: list[ShownValue]) -> None:
    riskiest = attention.riskiest(values)
    assert riskiest in values if values else riskiest is None
