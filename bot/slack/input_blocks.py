"""Inputs of a modal for a typed field, prefilled with a value. A field counts as changed if it differs from this value.

`parts` is used twice: to build the form, and to read its answer. A value that the right kind of element cannot hold
exactly (a number of forty digits, a date with microseconds, a text where a number should be) gets a text input. A
value that fits no input at all cannot be edited here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from bot.slack import ids, text_objects
from bot.slack.text_objects import Element
from engine import fields, file_references, media_types
from engine.domain.accounts import SLACK
from engine.errors import InvalidValue
from engine.fields import Field, FieldType, forms
from engine.json_values import Value

Raw: TypeAlias = str | tuple[str, ...]
"""What an element says it holds: text, or the keys of the chosen options."""

YES: Final = "yes"
NO: Final = "no"
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
"""Numbers that every reader of JSON and every browser keeps exactly: at most 15 significant digits are safe."""
_SAFE_DIGITS: Final = 15
TEN_DIGITS: Final = range(1_000_000_000, 10_000_000_000)
"""`initial_date_time` is a number of ten digits."""
_LONG: Final = frozenset({FieldType.LONG_TEXT, FieldType.JSON})


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPart:
    """One input. `name` tells the inputs of one field apart.

    `prefill` is what comes back if the input is not touched: text, a moment in the normal form, or keys of options.
    """

    element: Element
    name: str = ""
    label: str = ""
    prefill: Raw = ""
    keeps: bool = False
    """The present value cannot be prefilled: leaving the input empty keeps it."""


def parts(field: Field, current: Value) -> list[InputPart] | None:
    """Return the inputs for this field, prefilled with `current`, or None if it is too long to be edited in Slack."""
    inputs = _MAKERS[field.type](field, current)
    if inputs is not None:
        return inputs
    return _texts(field, forms.printed(field, current), lines=field.type in _LONG)


def _normal(field: Field, current: Value) -> Value:
    """Return the normal form of a value, or of a text that people would type for it, or None if it has none."""
    optional = field.model_copy(update={"required": False, "min": None, "max": None})
    try:
        return fields.validate(optional, current)
    except InvalidValue:
        pass
    try:
        return fields.from_text(optional, fields.show(field.type, current))
    except InvalidValue:
        return None


# -- texts --------------------------------------------------------------------------------------------------


def _texts(field: Field, content: str, *, lines: bool) -> list[InputPart] | None:
    """Return one text input, or up to five for a long text."""
    pieces = text_objects.input_pieces(content)
    if pieces is None:
        return None
    multiline = lines or len(pieces) > 1 or "\n" in content
    if len(pieces) == 1:
        return [InputPart(element=_text_input(field, content, multiline=multiline), prefill=content)]
    return [_piece(piece, number, len(pieces)) for number, piece in enumerate(pieces, start=1)]


def _piece(text: str, number: int, count: int) -> InputPart:
    element = _text_input(None, text, multiline=True)
    return InputPart(name=str(number), label=f"part {number} of {count}", element=element, prefill=text)


def _text_input(field: Field | None, content: str, *, multiline: bool) -> Element:
    element: Element = {"type": "plain_text_input", "action_id": ids.INPUT, "multiline": multiline}
    longest = ids.INPUT_TEXT
    if field is not None and field.max_length is not None:
        longest = min(longest, max(field.max_length, text_objects.units(content)))
    element["max_length"] = longest
    return _prefilled(element, content)


def _prefilled(element: Element, content: str) -> Element:
    return {**element, "initial_value": content} if content else element


def _as_text(field: Field, current: Value) -> list[InputPart] | None:
    content = forms.printed(field, current)
    return _texts(field, content, lines=field.type is FieldType.LONG_TEXT)


def _address(field: Field, current: Value) -> list[InputPart] | None:
    """Return an email or url input, if the value can be its initial value: Slack refuses any other."""
    kind = "email_text_input" if field.type is FieldType.EMAIL else "url_text_input"
    if current is None or current == "":
        return [InputPart(element={"type": kind, "action_id": ids.INPUT})]
    if not isinstance(current, str) or _normal(field, current) is None:
        return None
    return [InputPart(element=_prefilled({"type": kind, "action_id": ids.INPUT}, current), prefill=current)]


# -- numbers ------------------------------------------------------------------------------------------------


def _number(field: Field, current: Value) -> list[InputPart] | None:
    whole = field.type is FieldType.INTEGER
    element = _number_input(field, forms.printed(field, current), whole=whole)
    return None if element is None else [InputPart(element=element, prefill=forms.printed(field, current))]


def _number_input(field: Field, content: str, *, whole: bool) -> Element | None:
    """Return a number input, or None if the number would not come back exactly."""
    if content and not _safe(content, whole=whole):
        return None
    element: Element = {"type": "number_input", "action_id": ids.INPUT, "is_decimal_allowed": not whole}
    if not content or _within(field, content):
        for key, bound in ("min_value", field.min), ("max_value", field.max):
            spelled = None if bound is None else fields.show(FieldType.NUMBER, bound)
            if spelled is not None and _safe(spelled, whole=whole):
                element[key] = spelled
    return _prefilled(element, content)


def _safe(content: str, *, whole: bool) -> bool:
    digits = sum(character.isdigit() for character in content)
    return _NUMBER.fullmatch(content) is not None and digits <= _SAFE_DIGITS and not (whole and "." in content)


def _within(field: Field, content: str) -> bool:
    """Return whether the number keeps the bounds: Slack refuses an initial value outside of them."""
    plain = Field(type=FieldType.NUMBER, min=field.min, max=field.max)
    try:
        fields.from_text(plain, content)
    except InvalidValue:
        return False
    return True


def _money(field: Field, current: Value) -> list[InputPart] | None:
    """Return an input for the amount, and one for the currency unless the field fixes it."""
    normal = None if current is None else _normal(field, current)
    if current is not None and not isinstance(normal, dict):
        return None
    amount, currency = (str(normal["amount"]), str(normal["currency"])) if isinstance(normal, dict) else ("", "")
    element = _number_input(field, amount, whole=False)
    if element is None:
        return None
    if field.currency is not None:
        return [InputPart(name="amount", label=field.currency, element=element, prefill=amount)]
    currency_input: Element = {"type": "plain_text_input", "action_id": ids.INPUT, "max_length": 3}
    return [
        InputPart(name="amount", label="amount", element=element, prefill=amount),
        InputPart(name="currency", label="currency", element=_prefilled(currency_input, currency), prefill=currency),
    ]


# -- times --------------------------------------------------------------------------------------------------


def _date(field: Field, current: Value) -> list[InputPart] | None:
    element: Element = {"type": "datepicker", "action_id": ids.INPUT}
    if current is None or current == "":
        return [InputPart(element=element)]
    day = _normal(field, current)
    return [InputPart(element={**element, "initial_date": day}, prefill=day)] if isinstance(day, str) else None


def _datetime(field: Field, current: Value) -> list[InputPart] | None:
    """Return a picker, which Slack shows in the time zone of the reader."""
    element: Element = {"type": "datetimepicker", "action_id": ids.INPUT}
    if current is None or current == "":
        return [InputPart(element=element)]
    normal = _normal(field, current)
    if not isinstance(normal, str):
        return None
    at = datetime.fromisoformat(normal)
    epoch = int(at.timestamp())
    if at.microsecond or epoch not in TEN_DIGITS:
        return None
    return [InputPart(element={**element, "initial_date_time": epoch}, prefill=normal)]


def from_epoch(raw: str) -> str:
    """Return the moment that was picked, as it is written in the normal form. Raises `InvalidValue`."""
    try:
        return f"{datetime.fromtimestamp(int(raw), UTC).replace(tzinfo=None).isoformat()}Z"
    except (ValueError, OverflowError, OSError):
        raise InvalidValue("must be a date and time") from None


# -- choosing -----------------------------------------------------------------------------------------------


def options(field: Field) -> list[Element]:
    """Return the options as Slack takes them. If a label is too long, all have the numbers of `whole_options`."""
    labels = whole_options(field) or [option.label for option in field.options]
    return [_option(label, option.value) for label, option in zip(labels, field.options, strict=True)]


def whole_options(field: Field) -> list[str]:
    """Return the numbered labels of all options in full, where Slack would cut one of them; else nothing."""
    labels = [text_objects.line(option.label) for option in field.options]
    if all(text_objects.size(label) <= ids.OPTION_TEXT for label in labels):
        return []
    return [f"{number}. {label}" for number, label in enumerate(labels, start=1)]


def _option(label: str, value: str) -> Element:
    return {"text": text_objects.plain_line(label, ids.OPTION_TEXT), "value": ids.option_key(value)}


def _choice(field: Field, current: Value) -> list[InputPart] | None:
    """Return radio buttons for few options of which one is required, because they cannot be cleared; else a menu."""
    offered = options(field)
    few = field.required and len(offered) <= ids.RADIO_OPTIONS
    element: Element = {
        "type": "radio_buttons" if few else "static_select",
        "action_id": ids.INPUT,
        "options": offered,
    }
    if current is None or current == "":
        return [InputPart(element=element)]
    if not isinstance(current, str) or current not in field.values:
        return [InputPart(element={**element, "type": "static_select"}, keeps=True)]
    chosen = offered[field.values.index(current)]
    return [InputPart(element={**element, "initial_option": chosen}, prefill=str(chosen["value"]))]


def _choices(field: Field, current: Value) -> list[InputPart] | None:
    offered = options(field)
    few = len(offered) <= ids.RADIO_OPTIONS
    kind = "checkboxes" if few else "multi_static_select"
    element: Element = {"type": kind, "action_id": ids.INPUT, "options": offered}
    if current is None or current == []:
        return [InputPart(element=element, prefill=())]
    if not isinstance(current, list) or any(value not in field.values for value in current):
        return [InputPart(element=element, prefill=(), keeps=True)]
    chosen = [option for option, value in zip(offered, field.values, strict=True) if value in current]
    return [
        InputPart(
            element={**element, "initial_options": chosen}, prefill=tuple(str(option["value"]) for option in chosen)
        )
    ]


def _boolean(field: Field, current: Value) -> list[InputPart] | None:
    offered = [_option("Yes", YES), _option("No", NO)]
    element: Element = {"type": "radio_buttons", "action_id": ids.INPUT, "options": offered}
    if current is None or current == "":
        return [InputPart(element=element)]
    normal = _normal(field, current)
    if not isinstance(normal, bool):
        return None
    chosen = offered[0] if normal else offered[1]
    return [InputPart(element={**element, "initial_option": chosen}, prefill=YES if normal else NO)]


def _person(field: Field, current: Value) -> list[InputPart] | None:
    """Return a picker for people in Slack; other people are typed as email addresses."""
    picker: Element = {"type": "users_select", "action_id": ids.INPUT}
    if current is None or current == "":
        return [InputPart(element=picker)]
    normal = _normal(field, current)
    if not isinstance(normal, str):
        return None
    if SLACK.person_id(normal):
        return [InputPart(element={**picker, "initial_user": normal}, prefill=normal)]
    typed: Element = {"type": "email_text_input", "action_id": ids.INPUT}
    return [InputPart(element=_prefilled(typed, normal), prefill=normal)]


def _file(field: Field, current: Value) -> list[InputPart] | None:
    """Return an input for one file. It cannot be prefilled: leaving it empty keeps the present file."""
    if current not in (None, "") and file_references.find(current) is None:
        return None
    element: Element = {"type": "file_input", "action_id": ids.INPUT, "max_files": 1}
    endings = media_types.endings(field.types)
    if endings:
        element["filetypes"] = endings
    return [InputPart(element=element, keeps=current not in (None, ""))]


_MAKERS: Final[Mapping[FieldType, Callable[[Field, Value], list[InputPart] | None]]] = {
    FieldType.TEXT: _as_text,
    FieldType.LONG_TEXT: _as_text,
    FieldType.NUMBER: _number,
    FieldType.INTEGER: _number,
    FieldType.MONEY: _money,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.EMAIL: _address,
    FieldType.URL: _address,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.PERSON: _person,
    FieldType.FILE: _file,
    FieldType.JSON: lambda _, __: None,
}


def named(part: InputPart, label: str) -> InputPart:
    """Return the part with its full label: that of the field, and its own if the field has several parts."""
    return replace(part, label=f"{label} ({part.label})" if part.label else label)
