"""Static types of declared values: inputs, form fields, `run`, and the outputs of steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from engine import fields, json_values
from engine.errors import MISSING, InvalidValue
from engine.expressions import (
    Kind,
    StaticType,
    TypeLookup,
    compile_template,
    kind_of,
    type_of_kind,
    type_of_texts,
    type_of_value,
    union_type,
)
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.workflowfile.declarations import Declarations
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.phrases import cite, write_plain

_TEXT: Final[frozenset[Kind]] = frozenset({"text"})
_TYPES: Final[Mapping[FieldType, StaticType]] = {
    FieldType.TEXT: StaticType(_TEXT, "text", converts_to_number=True),
    FieldType.LONG_TEXT: StaticType(_TEXT, "text", converts_to_number=True),
    FieldType.NUMBER: StaticType(frozenset({"number"}), "a number"),
    FieldType.INTEGER: StaticType(frozenset({"number"}), "a number"),
    FieldType.MONEY: StaticType(frozenset({"mapping"}), "money (a mapping)", converts_to_number=True),
    FieldType.BOOLEAN: StaticType(frozenset({"boolean"}), "true or false"),
    FieldType.DATE: StaticType(_TEXT, "a date (text)", is_date=True),
    FieldType.DATETIME: StaticType(_TEXT, "a time (text)", is_date=True),
    FieldType.EMAIL: StaticType(_TEXT, "an email address (text)", is_date=False),
    FieldType.URL: StaticType(_TEXT, "an address (text)", is_date=False),
    FieldType.CHOICES: StaticType(frozenset({"list"}), "a list"),
    FieldType.PERSON: StaticType(_TEXT, "a person (text)", is_date=False),
}
"""The static type of each field type. A choice depends on its options, and JSON may be any value."""
_KINDS_KEPT_BY_EDITS: Final[frozenset[Kind]] = frozenset({"text", "number", "boolean"})
AMOUNT_TYPE: Final = StaticType(_TEXT, "a number as text", converts_to_number=True, is_number_text=True, is_date=False)


def _requester_mismatch(value: Value) -> str | None:
    has_capitals = isinstance(value, str) and "@" in value and value != value.lower()
    return "has small letters in an email address" if has_capitals else None


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
        type_ = _type_of_money_part(declared, rest) if declared.type is FieldType.MONEY else None
    else:
        type_ = type_of_field(declared)
    if type_ and not declared.required:
        type_ = replace(type_, kinds=type_.kinds | {"null"})
    return type_


def type_of_field(declared: Field) -> StaticType | None:
    """Return the static type of a field's value, or None if it may be any value."""
    if declared.type is FieldType.CHOICE:
        return replace(type_of_texts(declared.values, "text"), mismatch=_field_mismatch(declared))
    type_ = _TYPES.get(declared.type)
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


def _currency_mismatch(value: Value) -> str | None:
    is_currency = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()
    return None if is_currency else "has three capital letters, like EUR"


_ONE_OF: Final = re.compile(r"^(?:has “.*”, which )?is not one of: ", re.DOTALL)
_CAN_ONLY: Final = "can only be: "


def _field_mismatch(declared: Field) -> Callable[[Value], str | None]:
    """Return the `mismatch` of a field: the reason why it refuses a value or stores it in another form."""

    def mismatch(value: Value) -> str | None:
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


def type_of_output_part(whole: StaticType, path: Sequence[str | int]) -> StaticType | None:
    """Return the static type of a part of an output, or None if nothing is known."""
    if not path:
        return whole
    return AMOUNT_TYPE if whole.converts_to_number and "mapping" in whole.kinds and [*path] == ["amount"] else None


def types_of_params(
    draft: StepDraft, params: Mapping[str, Value], declarations: Declarations, type_of: TypeLookup
) -> dict[str, StaticType]:
    """Return the static types of the outputs of `set`. They are its parameters, which people may have edited."""
    types: dict[str, StaticType] = {}
    for name, value in params.items():
        type_ = _type_of_value(value, type_of)
        if type_ is not None and draft.gate is not None:
            type_ = _type_after_edits(draft, name, type_, declarations.at((name,)).field)
        if type_ is not None:
            types[name] = type_
    return types


def _type_of_value(value: Value, type_of: TypeLookup) -> StaticType | None:
    if not isinstance(value, str):
        return type_of_kind(kind_of(value))
    template = compile_template(value)
    if template.is_literal:
        return type_of_texts([value], "text")
    if template.secrets:
        return None
    return type_of_value(value, type_of) if template.is_whole else type_of_kind("text")


def _type_after_edits(draft: StepDraft, name: str, type_: StaticType, declared: Field | None) -> StaticType | None:
    """Return the static type of a value that people may edit at the gate, or None if it may then be any value."""
    edits = [edit for edit in draft.edit or () if edit.name.split(".")[0] == name]
    if draft.edit is not None and not edits:
        return type_
    if any(edit.name != name for edit in edits):
        return None
    edited_as = next((edit.type for edit in edits if edit.type is not None), None)
    if edited_as is not None:
        return union_type(type_, type_of_field(edited_as))
    if declared is not None:
        return type_
    # Without a declaration, people may enter any value of the same kind. A list, a mapping or an empty value may
    # become any value.
    return replace(type_, texts=None, mismatch=None, is_date=None) if type_.kinds <= _KINDS_KEPT_BY_EDITS else None
