"""An untouched field is no edit: the value goes to the page, the browser sends it, and it is read unchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web import form_inputs, site_urls
from bot.web.renderer import Renderer
from bot.web.review_view import ShownField
from engine import fields, json_values
from engine.errors import InvalidValue
from engine.fields import Field, FieldType, forms
from engine.json_values import Value
from tests.support import html_forms, samples

OPTIONS: Final = ("s", "a\tb", "x <y>", "ü", "five", "six")
_PAGES: Final = Renderer(site_urls.place("https://signoff.example.com"))
TEXTS: Final = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\r\n\t \0\v\x1f\u2028\u200b<>&'\"")),
    max_size=40,
)
_NUMBERS: Final = st.one_of(
    st.integers(-(10**25), 10**25),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15),
)
_MONEY: Final = st.fixed_dictionaries(
    {"amount": st.decimals(0, 10**9, places=3).map(str), "currency": st.sampled_from(["EUR", "JPY", "USD"])}
)
_CHOICES: Final = st.lists(st.sampled_from(OPTIONS), unique=True)
_DATES: Final = st.dates().map(lambda moment: moment.isoformat())
_MOMENTS: Final = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
_JSON: Final = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
_VALID_VALUES: Final[dict[FieldType, st.SearchStrategy[Any]]] = {
    FieldType.TEXT: TEXTS,
    FieldType.LONG_TEXT: TEXTS,
    FieldType.NUMBER: _NUMBERS,
    FieldType.INTEGER: st.integers(-(10**25), 10**25),
    FieldType.MONEY: _MONEY,
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATE: _DATES,
    FieldType.DATETIME: _MOMENTS,
    FieldType.EMAIL: st.just("Sam.O+x@EXAMPLE.com"),
    FieldType.URL: st.just("https://example.com/?q=<a>&b=ü#c"),
    FieldType.CHOICE: st.sampled_from(OPTIONS),
    FieldType.CHOICES: _CHOICES,
    FieldType.PERSON: st.sampled_from(["sam@example.com", "U012AB3CD"]),
    FieldType.FILE: st.just(samples.file().value),
    FieldType.JSON: _JSON,
}


def make_field(kind: FieldType, *, required: bool = True, currency: str | None = None) -> Field:
    declaration: dict[str, Any] = {"type": kind, "required": required}
    if kind in (FieldType.CHOICE, FieldType.CHOICES):
        declaration["options"] = OPTIONS
    if kind is FieldType.MONEY and currency:
        declaration["currency"] = currency
    return Field.model_validate(declaration)


def read_change(path: str, field: Field, current: Value, raws: Mapping[str, list[str]]) -> tuple[Value] | None:
    """Return the new value of a field that the page reads, or None if it did not change."""
    return forms.changed(field, current, form_inputs.entries(path, field, current, raws))


def submit_untouched(field: Field, value: Value) -> dict[str, list[str]]:
    """Return the form data that a browser sends for the untouched field."""
    shown_field = ShownField(path="a.b", label="A", text="", inputs=form_inputs.inputs("a.b", field, value))
    source = _PAGES._environment.from_string(  # noqa: SLF001
        '{% from "parts.html" import edit %}<form method="post" action="/">{{ edit(shown) }}</form>'
    ).render(shown=shown_field)
    form_data: dict[str, list[str]] = {}
    for name, text in html_forms.read(source).form.fields:
        form_data.setdefault(name, []).append(text)
    return form_data


@given(st.sampled_from(list(FieldType)), st.booleans(), st.sampled_from([None, "EUR"]), st.data())
def test_an_untouched_field_is_no_edit(kind: FieldType, required: bool, currency: str | None, draw: Any) -> None:
    field = make_field(kind, required=required, currency=currency)
    value = json_values.clean(draw.draw(st.one_of(_VALID_VALUES[kind], _JSON, st.none())))
    assert read_change("a.b", field, value, submit_untouched(field, value)) is None


@given(TEXTS)
def test_a_text_that_was_typed_arrives(typed: str) -> None:
    field = Field(type=FieldType.LONG_TEXT, required=False, blank="keep")
    sent_text = forms.as_sent(typed)
    raws = {form_inputs.key("a"): [sent_text.replace("\n", "\r\n")]}
    new_value = read_change("a", field, "before", raws)
    assert new_value == ((sent_text,) if fields.as_seen(sent_text) != "before" else None)


@pytest.mark.parametrize(
    ("kind", "current", "raw", "after"),
    [
        (FieldType.NUMBER, Decimal("1.5"), "2", 2),
        (FieldType.INTEGER, 1, " 2 ", 2),
        (FieldType.DATE, "2026-03-02", "2026-03-03", "2026-03-03"),
        (FieldType.DATETIME, "2026-03-02T09:00:00Z", "2026-03-02T10:30", "2026-03-02T10:30:00Z"),
        (FieldType.DATETIME, "2026-03-02T09:00:00.5Z", "2026-03-02 11:00 UTC", "2026-03-02T11:00:00Z"),
        (FieldType.BOOLEAN, True, "no", False),
        (FieldType.CHOICE, "s", "ü", "ü"),
        (FieldType.EMAIL, "a@example.com", "b@example.com", "b@example.com"),
        (FieldType.PERSON, "a@example.com", "b@example.com", "b@example.com"),
        (FieldType.JSON, {"a": 1}, '{"a": 2}', {"a": 2}),
        (FieldType.TEXT, "a", "b", "b"),
    ],
)
def test_typed_text_is_read_as_its_type(kind: FieldType, current: Value, raw: str, after: Value) -> None:
    assert read_change("a", make_field(kind), current, {form_inputs.key("a"): [raw]}) == (after,)


def test_money_is_an_amount_and_a_currency() -> None:
    name = form_inputs.key("a")
    current: Value = {"amount": "1.50", "currency": "EUR"}
    typed = {f"{name}-amount": ["2"], f"{name}-currency": ["usd"]}
    assert read_change("a", make_field(FieldType.MONEY), current, typed) == ({"amount": "2", "currency": "USD"},)
    euro_field = make_field(FieldType.MONEY, currency="EUR")
    assert read_change("a", euro_field, current, {f"{name}-amount": ["2"]}) == ({"amount": "2", "currency": "EUR"},)
    assert read_change("a", euro_field, current, {f"{name}-amount": ["1.5"]}) is None


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("84,50", "84.50"),
        ("-84,5", "-84.5"),
        ("1.234,50", "1234.50"),
        ("1,234,567.50", "1234567.50"),
        ("1\N{RIGHT SINGLE QUOTATION MARK}234.50", "1234.50"),
        ("1\N{NARROW NO-BREAK SPACE}234,50", "1234.50"),
    ],
)
def test_a_number_in_another_notation_is_refused_with_the_right_notation(typed: str, plain: str) -> None:
    name, message = form_inputs.key("a"), f"must be written as {plain}, with a decimal point and no other separators"
    with pytest.raises(InvalidValue, match=f"^{re.escape(message)}$"):
        read_change("a", make_field(FieldType.NUMBER), 1, {name: [typed]})
    money: Value = {"amount": "1", "currency": "EUR"}
    message = message.replace(plain, f"{plain} EUR")
    with pytest.raises(InvalidValue, match=f"^{re.escape(message)}$"):
        read_change("a", make_field(FieldType.MONEY), money, {f"{name}-amount": [typed]})


@pytest.mark.parametrize("typed", ["1,234", "1,23,45", "84,", "x,50"])
def test_an_ambiguous_number_is_not_guessed(typed: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_change("a", make_field(FieldType.NUMBER), 1, {form_inputs.key("a"): [typed]})
    assert "must be written as" not in str(caught.value)


def test_options_that_were_chosen_before_keep_their_order() -> None:
    name, field = form_inputs.key("a"), make_field(FieldType.CHOICES)
    assert read_change("a", field, ["ü", "s"], {name: ["", "s", "ü", "five"]}) == (["ü", "s", "five"],)
    assert read_change("a", field, ["gone"], {name: [""]}) is None
    with pytest.raises(InvalidValue):
        read_change("a", field, ["s"], {name: [""]})
    with pytest.raises(InvalidValue):
        read_change("a", field, ["s"], {name: ["", "never offered"]})


def test_a_wrong_value_is_shown_as_it_was_typed() -> None:
    inputs = form_inputs.inputs("a", make_field(FieldType.DATE), "2026-03-02")
    refilled = form_inputs.refilled(inputs, {form_inputs.key("a"): ["tomorrow"]})
    assert (refilled[0].kind, refilled[0].value) == ("text", "tomorrow")
    with pytest.raises(InvalidValue):
        read_change("a", make_field(FieldType.DATE), "2026-03-02", {form_inputs.key("a"): ["tomorrow"]})


def test_every_type_is_shown_by_the_right_kind_of_input() -> None:
    kinds = {
        kind: form_inputs.inputs("a", make_field(kind), fields.validate(make_field(kind, required=False), None))[0].kind
        for kind in FieldType
    }
    assert kinds == {
        FieldType.TEXT: "text",
        FieldType.LONG_TEXT: "textarea",
        FieldType.NUMBER: "text",
        FieldType.INTEGER: "text",
        FieldType.MONEY: "text",
        FieldType.BOOLEAN: "radio",
        FieldType.DATE: "date",
        FieldType.DATETIME: "datetime-local",
        FieldType.EMAIL: "email",
        FieldType.URL: "url",
        FieldType.CHOICE: "select",
        FieldType.CHOICES: "checkbox",
        FieldType.PERSON: "text",
        FieldType.FILE: "file",
        FieldType.JSON: "textarea",
    }
