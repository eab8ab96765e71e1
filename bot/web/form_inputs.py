"""A typed field as inputs of a page, filled with its value, and the reading of a submitted form. Pure.

What the inputs mean is the same on every surface: `engine.fields.forms`. A value that the right kind of input cannot
hold exactly gets an input for text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from bot.presentation import characters, request_content
from engine import fields, file_references
from engine.errors import InvalidValue
from engine.fields import Field, FieldType, file_rules, forms
from engine.fields.forms import FormEntry, Typed
from engine.json_values import Value

Kind: TypeAlias = Literal[
    "text", "textarea", "email", "url", "date", "datetime-local", "select", "radio", "checkbox", "file"
]
Raws: TypeAlias = Mapping[str, Sequence[str]]
"""The values of a submitted form by the names of its inputs; a name may have several."""

YES: Final = "yes"
NO: Final = "no"
FEW: Final = 5
"""Maximum number of options that are listed one by one instead of in a menu."""
_ROWS: Final = range(3, 401)
"""Maximum rows of a text area: more than most texts have, so that few scroll inside of the page."""
_LINE: Final = 80
"""Characters in a row of a text area, roughly."""
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
_DAY: Final = re.compile(r"(?!0000)\d{4}-\d\d-\d\d", re.ASCII)
_LONG: Final = frozenset({FieldType.LONG_TEXT, FieldType.JSON})
_MODES: Final[Mapping[FieldType, str]] = {FieldType.NUMBER: "decimal", FieldType.INTEGER: "numeric"}
_HOLDS: Final[Mapping[str, re.Pattern[str]]] = {"date": _DAY, "datetime-local": _LOCAL}
"""What an input of this kind can show; any other value needs an input for text."""


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input. `values`: its text; `unit`: shown beside it; `old`: what it held before a person typed into it."""

    name: str
    kind: Kind
    values: tuple[str, ...] = ("",)
    label: str = ""
    unit: str = ""
    mode: str = ""
    choices: tuple[Choice, ...] = ()
    old: tuple[str, ...] | None = None
    accept: str = ""
    """The media types of a file, as the attribute of that name has them."""

    @property
    def shown_file(self) -> str:
        """The file that the input holds, in words, or an empty text."""
        return file_rules.shown_text(self.value)

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def filled(self) -> tuple[str, ...]:
        """Return the values that a browser sends for the untouched input."""
        return tuple(option.value for option in self.choices if option.chosen) if self.choices else self.values

    @property
    def rows(self) -> int:
        """Return the rows of a text area that shows all of its text, up to a limit."""
        lines = sum(1 + len(line) // _LINE for line in self.value.split("\n"))
        return max(_ROWS.start, min(lines, _ROWS.stop))


def key(path: str) -> str:
    """Return the name of the inputs of a field.

    It is a hash: paths come from data, and may hold characters that no browser sends back unchanged.
    """
    return f"f-{hashlib.sha256(path.encode()).hexdigest()[:16]}"


# -- making -------------------------------------------------------------------------------------------------


def inputs(path: str, field: Field, current: Value) -> tuple[Input, ...]:
    """Return the inputs for this field, filled with `current`."""
    inputs = _MAKERS[field.type](key(path), field, current)
    return inputs if inputs is not None else (_text(key(path), field, forms.printed(field, current)),)


def refilled(empty: Sequence[Input], raws: Raws) -> tuple[Input, ...]:
    """Return the same inputs, filled with the submitted values."""
    return tuple(
        _refilled(item, [forms.as_sent(raw) for raw in raws[item.name]]) if item.name in raws else item
        for item in empty
    )


def _refilled(item: Input, raws: list[str]) -> Input:
    if item.choices:
        choices = tuple(replace(option, chosen=option.value in raws) for option in item.choices)
        return replace(item, choices=choices, old=item.filled)
    raw = raws[-1] if raws else ""
    holds = _HOLDS.get(item.kind)
    kind: Kind = "text" if raw and holds and not holds.fullmatch(raw) else item.kind
    return replace(item, kind="textarea" if "\n" in raw else kind, values=(raw,), old=item.values)


def _normal(field: Field, current: Value) -> Value:
    """Return the normal form of a value of the right type, or None for any other."""
    try:
        return fields.validate(field.model_copy(update={"required": False, "min": None, "max": None}), current)
    except InvalidValue:
        return None


def _text(name: str, field: Field, content: str) -> Input:
    lines = field.type in _LONG or "\n" in content or "\r" in content
    return Input(
        name=name,
        kind="textarea" if lines else "text",
        values=(forms.as_sent(content),),
        mode=_MODES.get(field.type, ""),
    )


def _as_text(name: str, field: Field, current: Value) -> tuple[Input, ...]:
    return (_text(name, field, forms.printed(field, current)),)


def _address(name: str, field: Field, current: Value) -> tuple[Input, ...] | None:
    kind: Kind = "email" if field.type is FieldType.EMAIL else "url"
    if current is None or current == "":
        return (Input(name=name, kind=kind),)
    is_one = isinstance(current, str) and _normal(field, current) == current
    return (Input(name=name, kind=kind, values=(str(current),)),) if is_one else None


def _money(name: str, field: Field, current: Value) -> tuple[Input, ...] | None:
    """Return an input for the amount, and one for the currency unless the field fixes it."""
    normal = _normal(field, current)
    if current is not None and not isinstance(normal, dict):
        return None
    amount, currency = (str(normal["amount"]), str(normal["currency"])) if isinstance(normal, dict) else ("", "")
    number = Input(name=f"{name}-amount", kind="text", values=(amount,), label="Amount", mode="decimal")
    if field.currency is not None:
        return (replace(number, label="", unit=field.currency),)
    return number, Input(name=f"{name}-currency", kind="text", values=(currency,), label="Currency")


def _day(name: str, field: Field, current: Value) -> tuple[Input, ...] | None:
    if current is None or current == "":
        return (Input(name=name, kind="date"),)
    day = _normal(field, current)
    return (Input(name=name, kind="date", values=(day,)),) if isinstance(day, str) and _DAY.fullmatch(day) else None


def _moment(name: str, field: Field, current: Value) -> tuple[Input, ...] | None:
    """Return an input in UTC: without a script the time zone of the reader is not known."""
    if current is None or current == "":
        return (Input(name=name, kind="datetime-local", unit="UTC"),)
    normal = _normal(field, current)
    if not isinstance(normal, str):
        return None
    local = _local(normal)
    return None if local is None else (Input(name=name, kind="datetime-local", values=(local,), unit="UTC"),)


def _local(normal: str) -> str | None:
    """Return a moment as such an input writes it, or None if the input cannot hold it exactly."""
    at = datetime.fromisoformat(normal)
    exact = at.isoformat(timespec="seconds" if at.second else "minutes").removesuffix("+00:00")
    return exact if at.utcoffset() == UTC.utcoffset(None) and "." not in normal and _LOCAL.fullmatch(exact) else None


def _choice(name: str, field: Field, current: Value) -> tuple[Input, ...]:
    """Return radio buttons for few options of which one is required, because they cannot be cleared; else a menu."""
    empty = current is None or current == ""
    is_known = isinstance(current, str) and current in field.values
    offered = [Choice(option.value, characters.line(option.label), option.value == current) for option in field.options]
    if field.required and len(offered) <= FEW and (is_known or empty):
        return (Input(name=name, kind="radio", choices=tuple(offered)),)
    nothing = "Choose …" if field.required else "–"
    first = Choice(
        "",
        nothing if is_known or empty else f"As it is: {characters.line(request_content.show(field, current))}",
        not is_known,
    )
    return (Input(name=name, kind="select", choices=(first, *offered)),)


def _choices(name: str, field: Field, current: Value) -> tuple[Input, ...]:
    chosen = _chosen(field, current)
    offered = tuple(
        Choice(option.value, characters.line(option.label), option.value in chosen) for option in field.options
    )
    return (Input(name=name, kind="checkbox", choices=offered),)


def _chosen(field: Field, current: Value) -> frozenset[str]:
    """Return the options that are chosen now, or none if the value is no list of options."""
    chosen = (
        frozenset(value for value in current if isinstance(value, str)) if isinstance(current, list) else frozenset()
    )
    has_other_values = isinstance(current, list) and not all(isinstance(value, str) for value in current)
    return frozenset() if has_other_values or not chosen <= frozenset(field.values) else chosen


def _boolean(name: str, field: Field, current: Value) -> tuple[Input, ...] | None:
    if current not in (None, "") and not isinstance(current, bool):
        return None
    offered = [Choice(YES, "Yes", current is True), Choice(NO, "No", current is False)]
    empty = [] if field.required else [Choice("", "No answer", current in (None, ""))]
    return (Input(name=name, kind="radio", choices=(*offered, *empty)),)


def _file(name: str, field: Field, current: Value) -> tuple[Input, ...] | None:
    """Return an input that holds the reference to the present file, beside the one that takes another."""
    empty = current is None or current == ""
    if not empty and file_references.find(current) is None:
        return None
    accept = ",".join(field.types)
    return (Input(name=name, kind="file", values=("" if empty else forms.printed(field, current),), accept=accept),)


_MAKERS: Final[Mapping[FieldType, Callable[[str, Field, Value], tuple[Input, ...] | None]]] = {
    FieldType.TEXT: _as_text,
    FieldType.LONG_TEXT: _as_text,
    FieldType.NUMBER: lambda _, __, ___: None,
    FieldType.INTEGER: lambda _, __, ___: None,
    FieldType.MONEY: _money,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _day,
    FieldType.DATETIME: _moment,
    FieldType.EMAIL: _address,
    FieldType.URL: _address,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.PERSON: lambda _, __, ___: None,
    FieldType.FILE: _file,
    FieldType.JSON: lambda _, __, ___: None,
}


def shown_values(item: Input) -> tuple[str, ...]:
    """Return the visible content of the input: its text, or the labels of the chosen options."""
    if item.kind == "file":
        return (item.shown_file,)
    return tuple(option.label for option in item.choices if option.chosen) if item.choices else item.values


# -- reading ------------------------------------------------------------------------------------------------


def read_edits(fields: Iterable[tuple[str, Field, Value]], raws: Raws) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the changed values, and an error predicate for each wrong field, by path.

    `fields`: the path, the field and the present value of each.
    """
    return forms.read_edits(fields, lambda path, field, current: entries(path, field, current, raws))


def entries(path: str, field: Field, current: Value, raws: Raws) -> tuple[FormEntry, ...]:
    """Return the inputs of a field as they came back."""
    return tuple(
        FormEntry(
            prefill=_contents(field, item, item.filled),
            typed=_contents(field, item, raws[item.name]) if raws.get(item.name) else None,
            part=item.name.removeprefix(key(path)).removeprefix("-"),
        )
        for item in inputs(path, field, current)
    )


def _contents(field: Field, item: Input, raws: Sequence[str]) -> Typed:
    """Return the content of an input: its text, or its chosen options."""
    if field.type is FieldType.CHOICES and item.choices:
        return tuple(raw for raw in raws if raw)
    last = raws[-1] if raws else ""
    if field.type is FieldType.CHOICE and item.choices:
        return (last,) if last else ()
    return f"{last}Z" if field.type is FieldType.DATETIME and _LOCAL.fullmatch(last) else last
