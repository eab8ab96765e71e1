"""Forms: which fields were changed, the values that were typed, and the field under which each error is shown.

Every surface reads its forms with this module, so that the same typing gives the same result and the same sentence on
each. A surface builds a `FormEntry` for each input from the data of its vendor, and shows the errors at its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine import json_values
from engine.errors import UNKNOWN, InvalidValue, about
from engine.fields import file_rules, normal_forms
from engine.fields.field import Field, FieldType, absent, validate
from engine.fields.text import from_text, picked, show
from engine.identifiers import end_in_words, in_words
from engine.json_values import Value

Typed: TypeAlias = str | tuple[str, ...]
"""The content of an input: text, or the values of the chosen options. Booleans are the texts `yes` and `no`."""

AMOUNT: Final = "amount"
CURRENCY: Final = "currency"
"""The parts of money that has two inputs."""
_QUOTED: Final = 100
"""Maximum length of a typed name that an error repeats, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormEntry:
    """One input of a field. `prefill`: its first content. `typed`: the submitted content, None if there is none.

    `part`: `amount` or `currency` of money, or the number of a piece of a long text; empty if one input holds all.
    """

    prefill: Typed
    typed: Typed | None
    part: str = ""

    @property
    def current(self) -> Typed:
        """Return the content of the input now."""
        return self.prefill if self.typed is None else self.typed

    @property
    def is_untouched(self) -> bool:
        """Return whether the content is unchanged, apart from invisible differences."""
        if isinstance(self.prefill, str) and isinstance(self.current, str):
            return as_seen(self.prefill) == as_seen(self.current)
        return frozenset(self.prefill) == frozenset(self.current)


ReadEntries: TypeAlias = Callable[[str, Field, Value], Sequence[FormEntry]]
"""Returns the inputs of a field, given its name, the field and its value; none if the form has no input for it.

Raises `InvalidValue` if the vendor sent a value that its own input cannot hold.
"""


# -- whole forms --------------------------------------------------------------------------------------------


def read_edits(
    fields: Iterable[tuple[str, Field, Value]], read: ReadEntries
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the new values of the fields that were changed, and a predicate for each field that is wrong, by name.

    `fields`: the name, the field and the current value of each. Without a change both results are empty.
    """
    edits, errors = dict[str, Value](), dict[str, str]()
    for name, field, now in fields:
        try:
            after = changed(field, now, read(name, field, now))
        except InvalidValue as error:
            errors[name] = str(error)
        else:
            if after is not None:
                edits[name] = after[0]
    return edits, errors


def read_text_edits(
    fields: Iterable[tuple[str, Field, Value]], typed: Mapping[str, str]
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the same as `read_edits` for values that were typed as text, by name, without a form."""

    def read(name: str, field: Field, now: Value) -> Sequence[FormEntry]:
        return text_entries(field, now, typed[name]) if name in typed else ()

    return read_edits(fields, read)


def read_inputs(
    fields: Mapping[str, Field], read: ReadEntries, prefilled: Mapping[str, Value] | None = None
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the values of all fields, and a predicate for each field that is wrong, by name.

    A field that was not touched has the value that its input was filled with, or else its default.
    """
    values, errors = dict[str, Value](), dict[str, str]()
    for name, field in fields.items():
        now = (prefilled or {}).get(name, field.default)
        try:
            after = changed(field, now, read(name, field, now))
            values[name] = after[0] if after is not None else absent(field) if now is None else validate(field, now)
        except InvalidValue as error:
            errors[name] = str(error)
    return values, errors


def validate_all(fields: Mapping[str, Field], raw: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the values in the order of `fields`, and one predicate for each name that is wrong.

    A missing value is the default, or None if the field is optional. The values are valid only without errors.
    """
    values: dict[str, Value] = {}
    errors = _unknown(fields, raw)
    for name, field in fields.items():
        try:
            values[name] = validate(field, raw[name]) if name in raw else absent(field)
        except InvalidValue as error:
            errors[name] = str(error)
    return values, errors


def from_text_all(fields: Mapping[str, Field], typed: Mapping[str, str]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the same as `validate_all` for values that were typed as text, without a form."""

    def read(name: str, field: Field, now: Value) -> Sequence[FormEntry]:
        return text_entries(field, now, typed[name]) if name in typed else ()

    values, errors = read_inputs(fields, read)
    return values, _unknown(fields, typed) | errors


def _unknown(fields: Mapping[str, Field], names: Iterable[str]) -> dict[str, str]:
    return {name: unknown(name, fields) for name in names if name not in fields}


def unknown(name: str, names: Collection[str]) -> str:
    """Return the sentence about a name that was typed and is none of `names`, with the nearest of them or all."""
    others = f". Use one of these: {normal_forms.listed(names)}." if names else ": there is nothing to fill in."
    return f"{UNKNOWN} “{name[:_QUOTED]}”{normal_forms.near(name, names) or others}"


def labels(fields: Mapping[str, Field]) -> dict[str, str]:
    """Return the labels of these fields, by name; without one the words of the name."""
    return {name: field.label or in_words(name) for name, field in fields.items()}


# -- placing errors ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlacedError:
    """The sentences of all errors. `under`: by the field that they belong to. `elsewhere`: without such a field."""

    under: dict[str, str]
    elsewhere: str


def place(errors: Mapping[str, str], labels: Mapping[str, str], has_input: Callable[[str], bool]) -> PlacedError:
    """Return each error as a sentence under its field, or under the nearest field around it that has an input.

    `errors`: predicates by dotted path. `labels`: the labels of paths that have one.
    """
    under, elsewhere = dict[str, list[str]](), list[str]()
    for path, predicate in errors.items():
        name = next(filter(has_input, _around(path)), None)
        sentences = elsewhere if name is None else under.setdefault(name, [])
        sentences.append(about(labels.get(path) or end_in_words(path), predicate))
    return PlacedError({name: " ".join(sentences) for name, sentences in under.items()}, " ".join(elsewhere))


def _around(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]


# -- one field ----------------------------------------------------------------------------------------------


def changed(field: Field, now: Value, entries: Sequence[FormEntry]) -> tuple[Value] | None:
    """Return the new value in a tuple, or None if it is unchanged. Raises `InvalidValue` with a predicate.

    A null that was typed into an empty JSON field counts as new: it may be the answer to a form.
    """
    if all(entry.is_untouched for entry in entries):
        return None
    after = _read_value(field, now, entries)
    if field.type is FieldType.JSON and now is None and after is None:
        return (None,)
    return None if same(field, now, after) else (after,)


def text_entries(field: Field, now: Value, typed: str, *, shown: Value = None) -> tuple[FormEntry, ...]:
    """Return the entries of a surface where a field is one text, such as a command line.

    An amount without a currency keeps the current one, as if the currency had an input of its own. `shown`: the value
    that the person saw, if an earlier edit has replaced it since.
    """
    prefill = printed(field, now)
    whole = FormEntry(prefill=prefill, typed=typed)
    if field.type is not FieldType.MONEY or field.currency is not None or whole.is_untouched:
        return (whole,)
    currency = _currency(now if shown is None else shown)
    return (
        FormEntry(prefill=prefill, typed=typed, part=AMOUNT),
        FormEntry(prefill=currency, typed=None, part=CURRENCY),
    )


def _currency(money: Value) -> str:
    currency = money.get("currency") if isinstance(money, dict) else None
    return currency if isinstance(currency, str) else ""


def printed(field: Field, value: Value) -> str:
    """Return the text of an input for this value; an empty text for no value."""
    is_nothing = value is None or (value == [] and field.type is FieldType.CHOICES)
    if field.type is FieldType.FILE and not is_nothing:
        return file_rules.as_text(value)
    return "" if is_nothing else show(field.type, value)


def _read_value(field: Field, now: Value, entries: Sequence[FormEntry]) -> Value:
    """Return the value that the inputs of a field hold together. Raises `InvalidValue`."""
    current = entries[0].current
    if isinstance(current, tuple):
        return _options(field, now, current)
    parts = {entry.part: str(entry.current) for entry in entries}
    text = as_sent(_money_text(parts[AMOUNT], parts.get(CURRENCY, "")) if AMOUNT in parts else _joined(entries))
    return _options(field, now, picked(field, text)) if field.type is FieldType.CHOICES else from_text(field, text)


def _options(field: Field, now: Value, chosen: Collection[str]) -> Value:
    if field.type is FieldType.CHOICE and len(chosen) < 2:
        return validate(field, next(iter(chosen), None))
    return validate(field, in_order(field, now, sorted(frozenset(chosen))))


def _money_text(amount: str, currency: str) -> str:
    """Return the content of two inputs as it would be typed into one."""
    amount, currency = amount.strip(), currency.strip()
    alone = not amount or not currency or any(map(str.isalpha, amount)) or normal_forms.has_currency_sign(amount)
    return amount if alone else f"{amount} {currency}"


def _joined(entries: Sequence[FormEntry]) -> str:
    """Return a text of several pieces. The white space between pieces is kept, even if a piece was rewritten."""
    pieces = []
    for index, entry in enumerate(entries):
        before, after = str(entry.prefill), str(entry.current)
        if entry.is_untouched and len(entries) > 1:
            pieces.append(before)
            continue
        gap = before[len(before.rstrip()) :]
        keeps_gap = index < len(entries) - 1 and after.strip() and after == after.rstrip()
        pieces.append(after + gap if keeps_gap else after)
    return "".join(pieces)


def in_order(field: Field, now: Value, picked: Collection[str]) -> list[Value]:
    """Return the options that were picked: those that were there before in their order, then the others as listed."""
    before = [item for item in now if isinstance(item, str)] if isinstance(now, list) else []
    order = {value: index for index, value in reversed([*enumerate([*before, *field.values])])}
    return [*sorted(picked, key=lambda value: order.get(value, -1))]


# -- equal values ------------------------------------------------------------------------------------------


def as_sent(text: str) -> str:
    """Return a text with one kind of line end and without NUL, as an untouched form sends it back."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")


def as_seen(text: str) -> str:
    """Return a text without the invisible parts that a browser may change by itself.

    These are line ends, control characters, and white space at both ends.
    """
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character for character in unix if character >= " " or character in "\n\t").strip()


def same(field: Field, now: Value, after: Value) -> bool:
    """Return whether two values are equal for a person, such as the numbers `12.5` and `12.50`."""
    if isinstance(now, str) and isinstance(after, str) and field.type is not FieldType.MONEY:
        return as_seen(now) == as_seen(after)
    return same_value(field, now, after)


def same_value(field: Field, now: Value, after: Value) -> bool:
    """Return the same as `same`, except that every character of a text counts."""
    if field.type in _NUMBERS:
        number, other = _number(now), _number(after)
        if number is not None and other is not None:
            return number == other
    return json_values.same(json_values.clean(now), json_values.clean(after))


_NUMBERS: Final = frozenset({FieldType.NUMBER, FieldType.INTEGER, FieldType.MONEY})


def _number(value: Value) -> tuple[object, object] | None:
    """Return a number in the form in which it is compared, with its currency if it has one, or None."""
    try:
        if isinstance(value, dict):
            money = normal_forms.money(value, currency=None)
            return normal_forms.amount(money["amount"]), money["currency"]
        return (normal_forms.number(value) if not isinstance(value, str) else normal_forms.amount(value)), type(
            value
        ) is str
    except InvalidValue:
        return None
