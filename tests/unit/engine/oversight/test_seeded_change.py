"""A seeded request differs in one value from one that was approved, and its card shows that this value is wrong."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import fields
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.oversight.seeded_change import (
    ChangeKind,
    ContentPlace,
    SeededChange,
    apply_change,
    possible_changes,
)

TODAY = date(2026, 3, 2)


def place(kind: FieldType, value: Value, name: str = "value", others: tuple[Value, ...] = ()) -> ContentPlace:
    declared = Field(type=kind, required=False)
    return ContentPlace(path=(name,), label=name, field=declared, value=value, others=others)


def changes(*places: ContentPlace, texts: tuple[str, ...] = ()) -> list[tuple[ChangeKind, Value]]:
    return [(change.kind, change.value) for change in possible_changes(places, texts, asked_on=TODAY)]


MONEY: Value = {"amount": "120.50", "currency": "EUR"}


@pytest.mark.parametrize(
    ("given_place", "texts", "expected"),
    [
        (place(FieldType.MONEY, MONEY), ("Refund 120.50 EUR?",), (ChangeKind.TEN_TIMES, "1205.00")),
        (place(FieldType.INTEGER, 1200), ("He ordered 1,200.",), (ChangeKind.TEN_TIMES, 12000)),
        (place(FieldType.NUMBER, Decimal("1.5")), ("1.5 days",), (ChangeKind.TEN_TIMES, Decimal("15.0"))),
        (
            place(FieldType.EMAIL, "kim@acme.com"),
            ("Write to kim@acme.com",),
            (ChangeKind.OTHER_DOMAIN, "kim@acme-mail.com"),
        ),
        (
            place(FieldType.TEXT, "DE12 3456 7890 12"),
            ("Account DE12 3456 7890 12",),
            (ChangeKind.SWAPPED_DIGITS, "DE12 3457 6890 12"),
        ),
        (
            place(FieldType.TEXT, "Kim", "payee", ("Kim", "Lee")),
            ("Kim asks for it.",),
            (ChangeKind.OTHER_RECIPIENT, "Lee"),
        ),
        (place(FieldType.DATE, "2026-04-01"), (), (ChangeKind.PAST_DATE, "2025-03-01")),
    ],
)
def test_each_type_has_its_change(
    given_place: ContentPlace, texts: tuple[str, ...], expected: tuple[ChangeKind, Value]
) -> None:
    found = changes(given_place, texts=texts)
    assert len(found) == 1
    kind, value = found[0]
    if isinstance(value, dict):
        value = str(Decimal(str(value["amount"])).quantize(Decimal("0.01")))
    assert (kind, value) == expected


@pytest.mark.parametrize(
    ("given_place", "texts"),
    [
        (place(FieldType.MONEY, MONEY), ()),
        (place(FieldType.MONEY, MONEY), ("Refund 1120.50 EUR", "at 120.501")),
        (place(FieldType.MONEY, MONEY), ("120.50 EUR of 1,205.00 EUR",)),
        (place(FieldType.MONEY, {"amount": "0", "currency": "EUR"}), ("0 EUR",)),
        (place(FieldType.EMAIL, "kim@acme.com"), ("kim@acme.com, before kim@acme-mail.com",)),
        (place(FieldType.DATE, "2026-02-01"), ("2026-02-01",)),
        (place(FieldType.BOOLEAN, True), ("true",)),
        (place(FieldType.TEXT, "hello"), ("hello",)),
    ],
)
def test_what_a_careful_person_could_not_notice_is_never_changed(
    given_place: ContentPlace, texts: tuple[str, ...]
) -> None:
    assert changes(given_place, texts=texts) == []


AMOUNTS = st.integers(1, 10**9).map(lambda cents: {"amount": str(Decimal(cents) / 100), "currency": "EUR"})
DAYS = st.integers(-900, 900).map(lambda days: (TODAY + timedelta(days=days)).isoformat())
PLACES = st.one_of(
    st.tuples(st.just(FieldType.MONEY), AMOUNTS),
    st.tuples(st.just(FieldType.INTEGER), st.integers(-(10**6), 10**6)),
    st.tuples(st.just(FieldType.EMAIL), st.sampled_from(["kim@acme.com", "lee@example.co.uk", "a@b.io"])),
    st.tuples(st.just(FieldType.TEXT), st.from_regex(r"[A-Z]{2}[0-9]{2}( [0-9]{4}){2,4}", fullmatch=True) | st.text()),
    st.tuples(st.just(FieldType.DATE), DAYS),
    st.tuples(st.just(FieldType.PERSON), st.sampled_from(["U1", "U2", "ann@example.com"])),
)


@given(st.lists(PLACES, min_size=1, max_size=5), st.lists(st.text(), max_size=3))
def test_one_value_changes_and_stays_one_that_a_person_could_ask_for(
    drawn: list[tuple[FieldType, Value]], texts: list[str]
) -> None:
    places = [
        ContentPlace(path=(f"v{at}",), label=f"V{at}", field=Field(type=kind, required=False), value=value)
        for at, (kind, value) in enumerate(drawn)
    ]
    content: dict[str, Value] = {f"v{at}": value for at, (_, value) in enumerate(drawn)}
    evidence = [*texts, *(fields.show(one.field.type, one.value) for one in places if one.value is not None)]
    for change in possible_changes(places, evidence, asked_on=TODAY):
        changed = apply_change(content, change)
        assert [name for name in content if changed[name] != content[name]] == [str(change.path[0])]
        by_path = {one.path: one for one in places}
        assert fields.validate(by_path[change.path].field, change.value) == change.value
        _is_as_it_says(change, by_path[change.path].value)


def _is_as_it_says(change: SeededChange, old: Value) -> None:
    new = change.value
    match change.kind:
        case ChangeKind.TEN_TIMES:
            assert _amount(new) == 10 * _amount(old)
        case ChangeKind.OTHER_DOMAIN:
            assert str(new).partition("@")[0] == str(old).partition("@")[0]
            assert str(new).partition("@")[2] != str(old).partition("@")[2]
        case ChangeKind.SWAPPED_DIGITS:
            assert sorted(str(new)) == sorted(str(old))
            assert sum(one != two for one, two in zip(str(new), str(old), strict=True)) == 2
        case ChangeKind.PAST_DATE:
            assert str(new) < TODAY.isoformat() <= str(old)
        case _:
            raise AssertionError(change.kind)


def _amount(value: Value) -> Decimal:
    return Decimal(str(value["amount"] if isinstance(value, dict) else value))
