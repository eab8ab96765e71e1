"""Fields: their declarations, the values that they accept, and the texts that people type and read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine import json_values
from engine.errors import InvalidValue
from engine.fields import Field, FieldType, forms, from_text, from_text_all, infer, show, validate, validate_all
from engine.fields.normal_forms import listed
from engine.fields.number_formats import readings
from engine.json_values import Value
from tests.support import samples
from tests.support.examples import example_count
from tests.support.refused_values import EUR, OPTIONS, REFUSED_VALUES


class Refused(Enum):
    """Stands for a value that is refused."""


def parse_field(declaration: object) -> Field:
    return Field.model_validate(declaration)


def catch_refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidValue) as caught:
        call()
    return str(caught.value)


# -- declarations -------------------------------------------------------------------------------------------


def test_a_field_may_be_written_as_its_type_alone() -> None:
    assert parse_field("long_text") == parse_field({"type": "long_text"}) == Field(type=FieldType.LONG_TEXT)


def test_a_field_is_required_unless_it_has_a_default_or_says_otherwise() -> None:
    assert parse_field("text").required
    assert not parse_field({"type": "text", "default": "x"}).required
    assert parse_field({"type": "text", "default": "x", "required": True}).required
    assert parse_field({"type": "text", "default": None}).required


def test_a_short_option_is_its_own_label() -> None:
    field = parse_field({"type": "choice", **OPTIONS})
    assert [(option.value, option.label) for option in field.options] == [
        ("red", "red"),
        ("green", "green"),
        ("b", "Sky blue"),
    ]
    assert parse_field({"type": "choice", "options": field.options}) == field


@pytest.mark.parametrize(
    "declaration",
    [
        "text",
        {"type": "choice", "default": "b", **OPTIONS},
        {"type": "money", "currency": "EUR", "min": Decimal("0.50"), "max": 3, "default": 1},
        {"type": "date", "min": "2026-01-01", "max": "2026-12-31", "label": "Day", "help": "When?"},
        {"type": "text", "max_length": 5, "required": False, "blank": "keep"},
    ],
)
def test_a_declaration_survives_being_dumped_and_read(declaration: object) -> None:
    field = parse_field(declaration)
    assert parse_field(field) is field
    assert parse_field(field.model_dump()) == field
    assert parse_field(json_values.loads(json_values.dumps(json_values.clean(field.model_dump())))) == field


@pytest.mark.parametrize(
    ("declaration", "errors"),
    [
        ("txt", {"type": "there is no field type txt. Did you mean “text”?"}),
        ("zzz", {"type": "there is no field type zzz; there are text, long_text, number, integer, money, boolean, "
                         "date, datetime, email, url, choice, choices, person, file, json"}),
        ({"type": 5}, {"type": "the type is one of: text, long_text, number, integer, money, boolean, date, datetime, "
                               "email, url, choice, choices, person, file, json"}),
        (5, {"": "a field is the name of its type, like text, or a mapping that has a type"}),
        ({"type": "choice"}, {"options": "a choice field needs options to choose from"}),
        ({"type": "choices", "options": []}, {"options": "a choices field needs options to choose from"}),
        ({"type": "choice", "options": "red"}, {"options": "options is a list"}),
        ({"type": "choice", "options": [1]},
         {"options.0": "an option is text (write numbers in quotes) or a mapping of value and label"}),
        ({"type": "choice", "options": [" a"]},
         {"options.0.value": "an option is one line of text, not empty and with no space around it"}),
        ({"type": "choice", "options": [{"value": "a", "label": "x\ny"}]},
         {"options.0.label": "an option is one line of text, not empty and with no space around it"}),
        ({"type": "choice", "options": ["a", "b", "a"]},
         {"options": "two options have the value a"}),
        ({"type": "choice", "options": ["a", {"value": "b", "label": "a"}]},
         {"options": "two options have the label a"}),
        ({"type": "choice", "options": [str(n) for n in range(101)]},
         {"options": "there are 101 options, and at most 100 can be shown"}),
        ({"type": "choices", "options": ["a, b"]},
         {"options": "the values of choices are typed with commas between them, so none may hold a comma"}),
        ({"type": "text", "options": ["a"]}, {"options": "only choice and choices fields have options"}),
        ({"type": "text", "min": 1, "max": 2},
         {"min": "only number, integer, money, date and datetime fields have a min",
          "max": "only number, integer, money, date and datetime fields have a max"}),
        ({"type": "number", "min": 2, "max": 1}, {"min": "the min is above the max"}),
        ({"type": "number", "min": "2"}, {"min": "the min must be a number"}),
        ({"type": "number", "min": True}, {"min": "a bound is a number or a date"}),
        ({"type": "date", "max": 2}, {"max": "the max must be a date, like 2026-01-31"}),
        ({"type": "datetime", "min": "2026-01-01T00:00:00+01:00", "max": "2025-12-31T23:00:00Z"}, {}),
        ({"type": "email", "max_length": 5}, {"max_length": "only text and long_text fields have a max_length"}),
        ({"type": "text", "max_length": 0}, {"max_length": "max_length is at least 1"}),
        ({"type": "text", "currency": "EUR"}, {"currency": "only money fields have a currency"}),
        ({"type": "money", "currency": "eur"}, {"currency": "a currency is three capital letters, like EUR"}),
        ({"type": "date", "blank": "keep"}, {"blank": "only text and long_text fields keep a blank text"}),
        ({"type": "number", "default": 5, "max": 4}, {"default": "the default must be at most 4"}),
        ({"type": "text", "default": " ", "required": True}, {"default": "the default is missing"}),
        ({"type": "json", "default": Decimal("NaN")}, {"default": "NaN is not a number that can be written down"}),
        ({"type": "choice", "default": "rde", **OPTIONS},
         {"default": "the default is not one of: red, green, b. Did you mean “red”?"}),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_refused_at_its_key_with_a_sentence(declaration: object, errors: dict[str, str]) -> None:
    if not errors:
        parse_field(declaration)
        return
    with pytest.raises(ValidationError) as caught:
        parse_field(declaration)
    errors_by_key = {".".join(map(str, error["loc"])): error for error in caught.value.errors()}
    assert {key: str(error["ctx"]["error"]) for key, error in errors_by_key.items()} == errors
    assert all(error["msg"] == f"Value error, {error['ctx']['error']}" for error in errors_by_key.values())


def test_unknown_keys_and_changes_are_refused() -> None:
    with pytest.raises(ValidationError, match="lable"):
        parse_field({"type": "text", "lable": "x"})
    with pytest.raises(ValidationError, match="frozen"):
        parse_field("text").label = "x"  # type: ignore[misc]


# -- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "value", "normal"),
    [
        ("text", " a ", " a "),
        ("text", "\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("text", "x" * 3000, "x" * 3000),
        ("long_text", "a\nb", "a\nb"),
        ("long_text", "x" * 100_000, "x" * 100_000),
        ({"type": "text", "required": False}, " ", None),
        ({"type": "text", "required": False, "blank": "keep"}, "", ""),
        ({"type": "email", "required": False}, "", None),
        ({"type": "number", "required": False}, None, None),
        ("number", 5, 5),
        ("number", Decimal("1.50"), Decimal("1.50")),
        ("integer", Decimal("1E+2"), 100),
        ({"type": "integer", "min": 1, "max": 3}, 1, 1),
        ({"type": "integer", "min": 1, "max": 3}, 3, 3),
        ("money", {"amount": "12.50", "currency": "EUR"}, {"amount": "12.50", "currency": "EUR"}),
        ("money", {"currency": "JPY", "amount": Decimal("1E+3")}, {"amount": "1000", "currency": "JPY"}),
        ("money", {"amount": "-0.00", "currency": "EUR"}, {"amount": "0.00", "currency": "EUR"}),
        ({"type": "money", "min": -10}, {"amount": "-007.5", "currency": "EUR"}, {"amount": "-7.5", "currency": "EUR"}),
        ("money", {"amount": "1.234", "currency": "KWD"}, {"amount": "1.234", "currency": "KWD"}),
        ("money", {"amount": "0.00123", "currency": "XAU"}, {"amount": "0.00123", "currency": "XAU"}),
        ({"type": "money", "currency": "BTC"}, {"amount": "0.00123"}, {"amount": "0.00123", "currency": "BTC"}),
        ("json", None, None),
        (EUR, 3, {"amount": "3", "currency": "EUR"}),
        (EUR, Decimal("3.10"), {"amount": "3.10", "currency": "EUR"}),
        (EUR, {"amount": 3}, {"amount": "3", "currency": "EUR"}),
        ("boolean", False, False),
        ("date", "2024-02-29", "2024-02-29"),
        ("datetime", "2026-01-02T10:00:00Z", "2026-01-02T10:00:00Z"),
        ("datetime", "2026-01-02t10:00+0130", "2026-01-02T08:30:00Z"),
        ("datetime", "2026-01-02 10:00:00.5z", "2026-01-02T10:00:00.500000Z"),
        ("datetime", "2026-01-02T10:00:00.000000000Z", "2026-01-02T10:00:00Z"),
        ({"type": "datetime", "max": "2026-01-02T10:00:00+01:00"}, "2026-01-02T09:00:00Z", "2026-01-02T09:00:00Z"),
        ("email", "Sam.O'Hara+x@Mail.Example.COM", "Sam.O'Hara+x@mail.example.com"),
        ("email", "jürgen@xn--mller-kva.de", "jürgen@xn--mller-kva.de"),
        ("url", "HTTPS://Example.com:8080/a?b=c|d#e", "HTTPS://Example.com:8080/a?b=c|d#e"),
        ("url", "http://[::1]/", "http://[::1]/"),
        ({"type": "choice", **OPTIONS}, "b", "b"),
        ({"type": "choices", **OPTIONS}, ["b", "red", "b"], ["b", "red"]),
        ({"type": "choices", "required": False, **OPTIONS}, [], []),
        ({"type": "choices", "required": False, **OPTIONS}, None, None),
        ("person", "U012AB3CD", "U012AB3CD"),
        ("person", "<@W012AB3CD>", "W012AB3CD"),
        ("person", "<@U012AB3CD|sam>", "U012AB3CD"),
        ("person", "sam@EXAMPLE.com", "sam@example.com"),
        ("json", {"a": [1, Decimal("1.0"), ""]}, {"a": [1, Decimal("1.0"), ""]}),
        ("json", "", ""),
    ],
)  # fmt: skip
def test_a_right_value_gets_its_normal_form(declaration: object, value: Value, normal: Value) -> None:
    result = validate(parse_field(declaration), value)
    assert result == normal
    assert type(result) is type(normal)


@pytest.mark.parametrize(
    ("declaration", "value", "message"),
    [*REFUSED_VALUES, ("json", cast(Value, object()), "a value of the type object cannot be carried by a workflow")],
)
def test_a_wrong_value_is_refused_with_the_expected_form(declaration: object, value: Value, message: str) -> None:
    field = parse_field(declaration)
    assert catch_refusal(lambda: validate(field, value)) == message


def test_long_lists_of_names_are_cut() -> None:
    assert listed([str(number) for number in range(22)]).endswith("18, 19 and 2 more")


# -- texts that people type and read ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "typed", "value"),
    [
        ("text", " a ", " a "),
        ("long_text", "a\r\nb", "a\nb"),
        ("number", " 5 ", 5),
        ("number", "+5.50", Decimal("5.50")),
        ("number", "-.5e1", Decimal("-5")),
        ("integer", "5.0", 5),
        ("money", "12.50 EUR", {"amount": "12.50", "currency": "EUR"}),
        ("money", " eur12.50 ", {"amount": "12.50", "currency": "EUR"}),
        ({"min": -20, **EUR}, "-12.50", {"amount": "-12.50", "currency": "EUR"}),
        ("money", f"0.{'0' * 40}1 XAU", {"amount": f"0.{'0' * 40}1", "currency": "XAU"}),
        ("money", "1.234 KWD", {"amount": "1.234", "currency": "KWD"}),
        ("number", "1.2340", Decimal("1.2340")),
        ("number", "0.125", Decimal("0.125")),
        ("number", "1234.567", Decimal("1234.567")),
        ("json", "null", None),
        ("json", '"some text"', "some text"),
        ("json", "12", 12),
        ("boolean", " YES", True),
        ("boolean", "true", True),
        ("boolean", "No", False),
        ("boolean", "FALSE", False),
        ("date", " 2026-01-02 ", "2026-01-02"),
        ("datetime", "2026-01-02 10:00 UTC", "2026-01-02T10:00:00Z"),
        ("email", " sam@example.com ", "sam@example.com"),
        ({"type": "choice", **OPTIONS}, " Sky blue ", "b"),
        ({"type": "choices", **OPTIONS}, "Sky blue, red,", ["b", "red"]),
        ({"type": "choices", "required": False, **OPTIONS}, " ", []),
        ({"type": "number", "required": False}, " ", None),
        ({"type": "text", "required": False}, "", None),
        ("json", ' {"a": [1.50, null]} ', {"a": [Decimal("1.50"), None]}),
    ],
)
def test_typed_text_becomes_a_value(declaration: object, typed: str, value: Value) -> None:
    assert from_text(parse_field(declaration), typed) == value


def notation_error(number: str) -> str:
    return f"must be written as {number}, with a decimal point and no other separators"


@pytest.mark.parametrize(
    ("declaration", "typed", "message"),
    [
        ("number", "1,234", "is not clear: 1,234 may mean 1234 or 1.2340; write one of these"),
        ("number", "1.234", "is not clear: 1.234 may mean 1234 or 1.2340; write one of these"),
        ("number", "-12.345", "is not clear: -12.345 may mean -12345 or -12.3450; write one of these"),
        ("integer", "1.000", "is not clear: 1.000 may mean 1000 or 1; write one of these"),
        ("integer", "1 234", notation_error("1234")),
        ("number", "1_000", notation_error("1000")),
        ("number", "1’234’567", notation_error("1234567")),
        ("number", "1.234.567", notation_error("1234567")),
        ("number", "1.234.567,891", notation_error("1234567.891")),
        ("number", "12,50", notation_error("12.50")),
        ("number", "0,125", notation_error("0.125")),
        ("number", "1,2,3", "must be a number"),
        ("number", "12.34,567.8", "must be a number"),
        ("number", "nan", "must be a number"),
        ("number", "\N{ARABIC-INDIC DIGIT ONE}", "must be a number"),
        ("number", "1e99999", "must be a number"),
        ("number", "1e999", "must be a number of at most 400 digits"),
        ("number", "9" * 5000, "must be a number of at most 400 digits"),
        ("number", f"{'9' * 500_000}x", "must be a number of at most 400 digits"),
        ("number", " ", "is missing"),
        ("money", "1.234,50 EUR", notation_error("1234.50 EUR")),
        ("money", "1.2.3 EUR", "must be a number"),
        ("money", "1,234.50 EUR", notation_error("1234.50 EUR")),
        ("money", "1,234 EUR", notation_error("1234 EUR")),
        ("money", "12,50 EUR", notation_error("12.50 EUR")),
        ("money", "1.234 EUR", "must have at most 2 decimals in EUR; write 1234 EUR if you mean that"),
        (EUR, "1.234", "must have at most 2 decimals in EUR; write 1234 EUR if you mean that"),
        ("money", "1.234 JPY", "must have no decimals in JPY; write 1234 JPY if you mean that"),
        ("money", "1,234 KWD", "is not clear: 1,234 may mean 1234 or 1.2340; write one of these"),
        ("money", "5.5 JPY", "must be a whole amount, because JPY has no decimals"),
        ("money", "10.9999 EUR", "must have at most 2 decimals in EUR, and has 4"),
        ("money", "5 XYZ", "has no known currency: XYZ is not in ISO 4217"),
        (EUR, "-5", "must not be negative"),
        (
            EUR,
            "€1.234",
            "must have its currency in three letters, and 1.234 may mean 1234 or 1.2340; write one of these",
        ),
        (EUR, "€12.50", "must have its currency in three letters: write 12.50 EUR"),
        ("money", "12,50 €", "must have its currency in three letters: write 12.50 EUR"),
        ("money", "€ 1.234,50", "must have its currency in three letters: write 1234.50 EUR"),
        ("money", "$12.50", "must say its currency in three letters, like 12.50 USD"),
        ({"type": "money", "currency": "CAD"}, "$12.50", "must have its currency in three letters: write 12.50 CAD"),
        ({"type": "money", "currency": "USD"}, "€12.50", "must be in USD, not in EUR"),
        ("money", "12.50", "must say its currency, like 12.50 EUR"),
        ("money", "EUR", "must be an amount and a currency, like 12.50 EUR"),
        ("money", "12.50 EURO", "must be an amount and a currency, like 12.50 EUR"),
        ("money", "EUR 12.50 EUR", "must be an amount and a currency, like 12.50 EUR"),
        ("money", "9" * 50_000, "must be an amount and a currency, like 12.50 EUR"),
        ({"type": "money", "currency": "CHF"}, "12 CHF 50", "must be an amount in CHF, like 12.50"),
        (EUR, "5 USD", "must be in EUR, not in USD"),
        ("boolean", "maybe", "must be yes or no"),
        ("json", "1e99999999999999999999", "must be JSON whose numbers are not that large"),
        ("json", " ", "is missing"),
        ("json", "plain text", 'must be JSON; a text is written in double quotes, like "plain text"'),
        ("json", "x" * 50, f'must be JSON; a text is written in double quotes, like "{"x" * 39}…"'),
        ("json", '{"a" 1}', "is not valid JSON: JSON is malformed: expected ':' (byte 5)"),
        ({"type": "choice", **OPTIONS}, "Sky", "is not one of: red, green, b"),
        ({"type": "choices", **OPTIONS}, "red, Sky", "has “Sky”, which is not one of: red, green, b"),
    ],
)
def test_text_that_cannot_be_read_is_refused_with_a_sentence(declaration: object, typed: str, message: str) -> None:
    field = parse_field(declaration)
    assert catch_refusal(lambda: from_text(field, typed)) == message


def test_json_that_cannot_be_read_is_refused() -> None:
    assert catch_refusal(lambda: from_text(parse_field("json"), "{")).startswith("is not valid JSON")


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("text", None, "–"),
        ("choices", [], "–"),
        ("choices", ["a", "b"], "a, b"),
        ("choices", ["a", 1], '[\n  "a",\n  1\n]'),
        ("text", "a", "a"),
        ("money", {"amount": "12.50", "currency": "EUR"}, "12.50 EUR"),
        ("money", {"amount": 1}, '{\n  "amount": 1\n}'),
        ("boolean", True, "yes"),
        ("boolean", False, "no"),
        ("number", Decimal("1E+2"), "100"),
        ("number", Decimal("1E+200"), "1E+200"),
        ("integer", 10**40, str(10**40)),
        ("date", "2026-01-02", "2026-01-02"),
        ("datetime", "2026-01-02T10:00:00Z", "2026-01-02 10:00 UTC"),
        ("datetime", "2026-01-02T10:00:30Z", "2026-01-02 10:00:30 UTC"),
        ("datetime", "2026-01-02T10:00:00.500000Z", "2026-01-02 10:00:00.500000 UTC"),
        ("datetime", "soon", "soon"),
        ("json", "a", '"a"'),
        ("json", [], "[]"),
        ("json", {"a": [Decimal("1.50"), 2**70]}, f'{{\n  "a": [\n    1.50,\n    {2**70}\n  ]\n}}'),
        ("text", {"a": 1}, '{\n  "a": 1\n}'),
    ],
)
def test_a_value_is_printed_for_people(kind: str, value: Value, shown: str) -> None:
    assert show(FieldType(kind), value) == shown


# -- types without a declaration ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "boolean"),
        (1, "integer"),
        (Decimal("1.0"), "number"),
        ({"amount": "1.00", "currency": "EUR"}, "money"),
        ({"amount": "1.00", "currency": "EUR", "x": 1}, "json"),
        ({"amount": "much", "currency": "EUR"}, "json"),
        ([], "json"),
        ("", "text"),
        ("x" * 200, "text"),
        ("x" * 201, "long_text"),
        ("a\nb", "long_text"),
        (None, "text"),
    ],
)
def test_the_type_of_a_value_is_evident(value: Value, kind: str) -> None:
    field = infer(value)
    assert field.type == kind
    assert validate(field, value) == value
    assert field.required == (kind not in ("text", "long_text"))


def test_a_text_of_no_declared_type_may_be_emptied_and_stays_text() -> None:
    assert from_text(infer("a"), "") == ""
    assert from_text(infer("a\nb"), "") == ""


# -- forms --------------------------------------------------------------------------------------------------

FORM = {
    "amount": parse_field(EUR),
    "note": parse_field({"type": "text", "required": False}),
    "day": parse_field({"type": "date", "default": "2026-01-02"}),
    "moment": parse_field({"type": "datetime", "default": "2026-01-02T10:00+01:00"}),
}


def test_a_form_is_filled_with_defaults_in_the_order_of_its_fields() -> None:
    expected = {
        "amount": {"amount": "5", "currency": "EUR"},
        "note": None,
        "day": "2026-01-02",
        "moment": "2026-01-02T09:00:00Z",
    }
    for values, errors in (
        validate_all(FORM, {"note": None, "amount": 5}),
        from_text_all(FORM, {"note": "", "amount": "5"}),
    ):
        assert (values, errors) == (expected, {})
        assert list(values) == list(expected)


def test_everything_wrong_with_a_form_is_reported_by_name() -> None:
    values, errors = validate_all(FORM, {"amonut": 5, "zzz": 1, "day": "soon", "note": "x"})
    assert values == {"note": "x", "moment": "2026-01-02T09:00:00Z"}
    assert errors == {
        "amonut": "Signoff does not know “amonut”. Did you mean “amount”?",
        "zzz": "Signoff does not know “zzz”. Use one of these: amount, note, day, moment.",
        "amount": "is missing",
        "day": "must be a date, like 2026-01-31",
    }
    assert from_text_all(FORM, {"amount": "x"})[1] == {"amount": "must be an amount in EUR, like 12.50"}


# -- properties ---------------------------------------------------------------------------------------------

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | DECIMALS | st.text()
ANY_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)
MONEY = st.fixed_dictionaries({"amount": DECIMALS | st.integers(), "currency": st.sampled_from(["EUR", "JPY"])})
MOMENTS = st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())
DOMAINS = st.from_regex(r"[A-Za-z0-9-]{1,9}\.[A-Za-z]{2,5}", fullmatch=True)
LIKELY_VALUES: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: st.text(),
    FieldType.LONG_TEXT: st.text(),
    FieldType.NUMBER: DECIMALS | st.integers(),
    FieldType.INTEGER: st.integers(),
    FieldType.MONEY: MONEY,
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATE: st.dates().map(str),
    FieldType.DATETIME: MOMENTS | st.datetimes().map(lambda at: at.replace(tzinfo=UTC).isoformat()),
    FieldType.EMAIL: st.builds("{}@{}".format, st.text(min_size=1), DOMAINS),
    FieldType.URL: st.builds("https://{}/{}".format, DOMAINS, st.text()),
    FieldType.CHOICE: st.sampled_from(["red", "green", "b"]),
    FieldType.CHOICES: st.lists(st.sampled_from(["red", "green", "b"]), min_size=1),
    FieldType.PERSON: st.from_regex(r"U[A-Z0-9]{8}|<@W[A-Z0-9]{8}>", fullmatch=True),
    FieldType.FILE: st.builds(lambda size: samples.file(size=size).value, st.integers(-1, 2**41)),
    FieldType.JSON: ANY_VALUES,
}


def make_field(kind: FieldType, required: bool) -> Field:
    options = OPTIONS if kind in (FieldType.CHOICE, FieldType.CHOICES) else {}
    return parse_field({"type": kind, "required": required, **options})


def try_value(call: Callable[[], Value]) -> Value | type[Refused]:
    try:
        return call()
    except InvalidValue:
        return Refused


NO_DEADLINE = settings(deadline=None)  # A busy machine may take long.
OF_EACH_KIND = settings(deadline=None, max_examples=example_count(30))  # There are 15 kinds.
ALL_KINDS = pytest.mark.parametrize("kind", list(FieldType))


@ALL_KINDS
@OF_EACH_KIND
@given(draw=st.data(), required=st.booleans())
def test_a_normal_form_is_its_own_normal_form(kind: FieldType, draw: st.DataObject, required: bool) -> None:
    field = make_field(kind, required)
    value = draw.draw(LIKELY_VALUES[kind] | ANY_VALUES)
    normal = try_value(lambda: validate(field, value))
    if not isinstance(normal, type):
        assert json_values.canonical(validate(field, normal)) == json_values.canonical(normal)
        assert isinstance(show(kind, normal), str)


@ALL_KINDS
@OF_EACH_KIND
@given(draw=st.data())
def test_a_shown_value_can_be_typed_again(kind: FieldType, draw: st.DataObject) -> None:
    """Exceptions: line ends, which a form changes, an absent value, a number that can be read in two ways, a file."""
    field = make_field(kind, required=True)
    normal = try_value(lambda: validate(field, draw.draw(LIKELY_VALUES[kind])))
    if isinstance(normal, type) or normal is None or (isinstance(normal, str) and "\r\n" in normal):
        return
    if kind is FieldType.NUMBER and len(readings(show(kind, normal))) > 1:
        assert catch_refusal(lambda: from_text(field, show(kind, normal))).startswith("is not clear: ")
        return
    if kind is FieldType.FILE:
        assert from_text(field, forms.printed(field, normal)) == normal
        return
    assert from_text(field, show(kind, normal)) == normal


@ALL_KINDS
@OF_EACH_KIND
@given(typed=st.text() | st.from_regex(r"[-+0-9.,:TZe ]{1,30}([A-Z]{3})?"), required=st.booleans())
def test_any_typed_text_is_read_or_raises_invalid_value(kind: FieldType, typed: str, required: bool) -> None:
    try_value(lambda: from_text(make_field(kind, required), typed))


@ALL_KINDS
@OF_EACH_KIND
@given(value=ANY_VALUES)
def test_any_value_can_be_printed_as_any_type(kind: FieldType, value: Value) -> None:
    assert isinstance(show(kind, json_values.clean(value)), str)


@NO_DEADLINE
@given(value=ANY_VALUES.filter(lambda value: not (isinstance(value, str) and "\0" in value)))
def test_the_inferred_type_of_a_value_accepts_it(value: Value) -> None:
    clean_value = json_values.clean(value)
    field = infer(clean_value)
    result = validate(field, clean_value)
    if field.type is not FieldType.MONEY:
        assert result == clean_value


def test_times_are_normalised_as_the_standard_library_does() -> None:
    at = datetime(2026, 1, 2, 10, 0, 0, 7, tzinfo=UTC)
    assert validate(parse_field("datetime"), at.isoformat()) == "2026-01-02T10:00:00.000007Z"
