"""Static types of declared values: inputs, form fields, `run`, and the outputs of steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from engine import fields, json_values
from engine.errors import MISSING, InvalidValue
from engine.expressions import (
    MONEY_KEYS,
    Kind,
    StaticType,
    TypeLookup,
    compile_template,
    kind_of,
    type_of_kind,
    type_of_money,
    type_of_texts,
    type_of_value,
    union_type,
)
from engine.fields import Field, FieldType
from engine.json_values import Path, Value
from engine.workflowfile.declarations import Declarations, parse_field_path
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.phrases import cite, write_plain

_TEXT: Final[frozenset[Kind]] = frozenset({"text"})
_TYPES: Final[Mapping[FieldType, StaticType]] = {
    FieldType.TEXT: StaticType(_TEXT, "text", converts_to_number=True),
    FieldType.LONG_TEXT: StaticType(_TEXT, "text", converts_to_number=True),
    FieldType.NUMBER: StaticType(frozenset({"number"}), "a number"),
    FieldType.INTEGER: StaticType(frozenset({"number"}), "a number"),
    FieldType.BOOLEAN: StaticType(frozenset({"boolean"}), "true or false"),
    FieldType.DATE: StaticType(_TEXT, "a date (text)", is_date=True),
    FieldType.DATETIME: StaticType(_TEXT, "a time (text)", is_date=True),
    FieldType.EMAIL: StaticType(_TEXT, "an email address (text)", is_date=False),
    FieldType.URL: StaticType(_TEXT, "an address (text)", is_date=False),
    FieldType.CHOICES: StaticType(frozenset({"list"}), "a list"),
    FieldType.PERSON: StaticType(_TEXT, "a person (text)", is_date=False),
    FieldType.FILE: StaticType(frozenset({"mapping"}), "a file (a mapping)"),
}
"""The static type of each field type. Those of choices and of money depend on the field, and JSON may be any value."""
_KINDS_KEPT_BY_EDITS: Final[frozenset[Kind]] = frozenset({"text", "number", "boolean"})
AMOUNT_TYPE: Final = StaticType(_TEXT, "a number as text", converts_to_number=True, is_number_text=True, is_date=False)


def _requester_mismatch(value: Value) -> str | None:
    has_capitals = isinstance(value, str) and "@" in value and value != value.lower()
    return "has small letters in an email address" if has_capitals else None


INDEX_TYPE: Final = StaticType(frozenset({"number"}), "a number")
RUN_TYPES: Final[Mapping[str, StaticType]] = {
    "id": StaticType(_TEXT, "text", is_date=False),
    "workflow": StaticType(_TEXT, "text", is_date=False),
    "requester": StaticType(_TEXT, "a person (text)", is_date=False, mismatch=_requester_mismatch),
    "started_at": StaticType(_TEXT, "a time (text)", is_date=True),
}


def type_of_field_part(declared: Field | None, rest: list[str | int]) -> StaticType | None:
    """Return the static type of the part of a field's value at the path `rest`, or None if nothing is known."""
    if declared is None:
        return None
    if rest:
        part = _PARTS.get(declared.type)
        type_ = part(declared, rest) if part is not None else None
    else:
        type_ = type_of_field(declared)
    if type_ and not declared.required:
        type_ = replace(type_, kinds=type_.kinds | {"null"})
    return type_


def type_of_field(declared: Field) -> StaticType | None:
    """Return the static type of a field's value, or None if it may be any value."""
    if declared.type is FieldType.CHOICE:
        return replace(type_of_texts(declared.values, "text"), mismatch=_field_mismatch(declared))
    type_ = type_of_money(declared.currency) if declared.type is FieldType.MONEY else _TYPES.get(declared.type)
    if type_ and declared.type is FieldType.CHOICES:
        choice = Field(type=FieldType.CHOICE, options=declared.options)
        item = replace(type_of_texts(declared.values, "text"), mismatch=_field_mismatch(choice))
        return replace(type_, item=item, mismatch=_field_mismatch(declared))
    return type_ and replace(type_, mismatch=_field_mismatch(declared))


def _type_of_money_part(declared: Field, rest: list[str | int]) -> StaticType | None:
    if rest == ["amount"]:
        return AMOUNT_TYPE
    if rest != ["currency"]:
        return None
    if declared.currency is not None:
        currency = declared.currency
        return replace(
            type_of_texts([currency], "text"),
            converts_to_number=False,
            mismatch=lambda value: None if value == currency else f"is always {currency}",
        )
    return StaticType(_TEXT, "text", is_date=False, mismatch=_currency_mismatch)


def _type_of_file_part(_: Field, rest: list[str | int]) -> StaticType | None:
    if rest == ["size"]:
        return _TYPES[FieldType.INTEGER]
    return StaticType(_TEXT, "text", is_date=False) if len(rest) == 1 else None


_PARTS: Final[Mapping[FieldType, Callable[[Field, list[str | int]], StaticType | None]]] = {
    FieldType.MONEY: _type_of_money_part,
    FieldType.FILE: _type_of_file_part,
}


def _currency_mismatch(value: Value) -> str | None:
    is_currency = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()
    return None if is_currency else "has three capital letters, like EUR"


_ONE_OF: Final = re.compile(r"^(?:has “.*”, which )?is not one of: ", re.DOTALL)
_CAN_ONLY: Final = "can only be: "


def _field_mismatch(declared: Field) -> Callable[[Value], str | None]:
    """Return the `mismatch` of a field: the reason why it refuses a value or stores it in another form."""

    def mismatch(value: Value) -> str | None:
        if declared.type is FieldType.MONEY and isinstance(value, int | Decimal | dict):
            # The currencies decide whether money compares with a number or with other money.
            return None
        if value == "" and not declared.required and declared.blank == "null":
            return "is none where it is left empty, so ask `is none`"
        try:
            normal = fields.validate(declared, value)
        except InvalidValue as error:
            # The subject of the reason is the field, and not the value that it is compared with.
            return "is required, so it is never empty" if str(error) == MISSING else _ONE_OF.sub(_CAN_ONLY, str(error))
        if normal == value:
            return None
        normal_text = json_values.dumps(normal) if isinstance(normal, list | dict) else write_plain(normal)
        return f"is written {cite(normal_text)}"

    return mismatch


# -- outputs of steps ---------------------------------------------------------------------------------------


def type_of_path(types: Mapping[Path, StaticType], path: Path) -> StaticType | None:
    """Return the static type of the part of a value at `path`, or None if nothing is known.

    `types`: the static types of the value's parts, by path.
    """
    if path in types or not path:
        return types.get(path)
    whole = types.get(path[:-1])
    is_amount = whole is not None and whole.is_money and whole.kinds <= {"mapping", "null"} and path[-1] == "amount"
    return AMOUNT_TYPE if is_amount else None


def types_of_params(
    draft: StepDraft, params: Mapping[str, Value], declarations: Declarations, type_of: TypeLookup
) -> dict[Path, StaticType]:
    """Return the static types of parameters, by path. People may have edited them at the gate."""
    types: dict[Path, StaticType] = {}
    for path, value in _iter_parts(dict(params), ()):
        type_ = _type_of_value(value, type_of)
        if type_ is not None and draft.gate is not None:
            type_ = _type_after_edits(draft, path, type_, declarations.at(path).field)
        if type_ is not None:
            types[path] = type_
    return types


def _iter_parts(value: Value, path: Path) -> Iterator[tuple[Path, Value]]:
    """Yield the parts of a mapping, each before its own parts. Lists are not taken apart."""
    if not isinstance(value, dict):
        return
    for key, part in value.items():
        yield (*path, key), part
        yield from _iter_parts(part, (*path, key))


def _type_of_value(value: Value, type_of: TypeLookup) -> StaticType | None:
    if isinstance(value, dict) and value.keys() == MONEY_KEYS:
        currency = value["currency"]
        is_written = isinstance(currency, str) and compile_template(currency).is_literal
        return type_of_money(str(currency) if is_written else None)
    if not isinstance(value, str):
        return type_of_kind(kind_of(value))
    template = compile_template(value)
    if template.is_literal:
        return type_of_texts([value], "text")
    if template.secrets:
        return None
    return type_of_value(value, type_of) if template.is_whole else type_of_kind("text")


def _type_after_edits(draft: StepDraft, path: Path, type_: StaticType, declared: Field | None) -> StaticType | None:
    """Return the static type of a value that people may edit at the gate, or None if it may then be any value."""
    edits = {parse_field_path(edit.name): edit for edit in draft.edit or ()}
    around = [edit for at, edit in edits.items() if at == path[: len(at)]]
    if draft.edit is not None and not around and not any(at[: len(path)] == path for at in edits):
        return type_
    if any(at != path and at[: len(path)] == path for at in edits):
        return None
    edited_as = next((edit.type for edit in around if edit.type is not None), None)
    if edited_as is not None:
        return union_type(type_, type_of_field(edited_as)) if path in edits else None
    if declared is not None:
        return type_
    # Without a declaration, people may enter any value of the same kind. A list, a mapping or an empty value may
    # become any value, and so may what is inside of it.
    if len(path) > 1 and path not in edits:
        return None
    return replace(type_, texts=None, mismatch=None, is_date=None) if type_.kinds <= _KINDS_KEPT_BY_EDITS else None
