"""What the declarations of a file tell of values in expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine import fields, json_values
from engine.errors import InvalidValue
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
from engine.workflowfile.declarations import Declaration
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.phrases import cite, plain

_TEXT: Final[frozenset[Kind]] = frozenset({"text"})
_SORTS: Final[Mapping[FieldType, StaticType]] = {
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
"""What a value of each type is in an expression, but for choices; JSON may be anything."""
_KEPT: Final[frozenset[Kind]] = frozenset({"text", "number", "boolean"})
AMOUNT: Final = StaticType(_TEXT, "a number as text", converts_to_number=True, is_number_text=True, is_date=False)


def _never_requester(value: Value) -> str | None:
    capital = isinstance(value, str) and "@" in value and value != value.lower()
    return "has small letters in an email address" if capital else None


RUN: Final[Mapping[str, StaticType]] = {
    "id": StaticType(_TEXT, "text", is_date=False),
    "workflow": StaticType(_TEXT, "text", is_date=False),
    "requester": StaticType(_TEXT, "a person (text)", is_date=False, mismatch=_never_requester),
    "started_at": StaticType(_TEXT, "a time (text)", is_date=True),
}


def of_part(declared: Field | None, rest: list[str | int]) -> StaticType | None:
    if declared is None:
        return None
    if rest:
        sort = _sort_of_money(declared, rest) if declared.type is FieldType.MONEY else None
    else:
        sort = of_field(declared)
    if sort and not declared.required:
        sort = sort._replace(kinds=sort.kinds | {"null"})
    return sort


def of_field(declared: Field) -> StaticType | None:
    if declared.type is FieldType.CHOICE:
        return type_of_texts(declared.values, "text")._replace(mismatch=_refusal(declared))
    sort = _SORTS.get(declared.type)
    if sort and declared.type is FieldType.CHOICES:
        one = Field(type=FieldType.CHOICE, options=declared.options)
        item = type_of_texts(declared.values, "text")._replace(mismatch=_refusal(one))
        return sort._replace(item=item, mismatch=_refusal(declared))
    return sort and sort._replace(mismatch=_refusal(declared))


def _sort_of_money(declared: Field, rest: list[str | int]) -> StaticType | None:
    if rest == ["amount"]:
        return AMOUNT
    if rest != ["currency"]:
        return None
    if declared.currency is not None:
        only = declared.currency
        return type_of_texts([only], "text")._replace(
            converts_to_number=False, mismatch=lambda value: None if value == only else f"is always {only}"
        )
    return StaticType(_TEXT, "text", is_date=False, mismatch=_never_currency)


def _never_currency(value: Value) -> str | None:
    fits = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()
    return None if fits else "has three capital letters, like EUR"


def _refusal(declared: Field) -> Callable[[Value], str | None]:
    """Why a field can never hold a value: it would not take it, or would write it otherwise."""

    def never(value: Value) -> str | None:
        if value == "" and not declared.required and declared.blank == "null":
            return "is none where it is left empty, so ask `is none`"
        try:
            normal = fields.validate(declared, value)
        except InvalidValue as error:
            return str(error)
        if normal == value:
            return None
        return (
            f"is written {cite(json_values.dumps(normal)) if isinstance(normal, list | dict) else cite(plain(normal))}"
        )

    return never


# -- what steps leave ---------------------------------------------------------------------------------------


def part_of(whole: StaticType, path: Sequence[str | int]) -> StaticType | None:
    """What is known of a part of an output."""
    if not path:
        return whole
    return AMOUNT if whole.converts_to_number and "mapping" in whole.kinds and [*path] == ["amount"] else None


def of_parameters(
    draft: StepDraft, given: Mapping[str, Value], declared: Declaration, sort_of: TypeLookup
) -> dict[str, StaticType]:
    """What is known of the outputs of `set`, which are its parameters as people may have edited them."""
    found: dict[str, StaticType] = {}
    for name, value in given.items():
        sort = _of_value(value, sort_of)
        if sort is not None and draft.gate is not None:
            sort = _edited(draft, name, sort, declared.at((name,)).field)
        if sort is not None:
            found[name] = sort
    return found


def _of_value(value: Value, sort_of: TypeLookup) -> StaticType | None:
    if not isinstance(value, str):
        return type_of_kind(kind_of(value))
    template = compile_template(value)
    if template.is_literal:
        return type_of_texts([value], "text")
    if template.secrets:
        return None
    return type_of_value(value, sort_of) if template.is_whole else type_of_kind("text")


def _edited(draft: StepDraft, name: str, sort: StaticType, declared: Field | None) -> StaticType | None:
    """What is known of a value after people may have edited it at the gate."""
    edits = [one for one in draft.edit or () if one.name.split(".")[0] == name]
    if draft.edit is not None and not edits:
        return sort
    if any(one.name != name for one in edits):
        return None
    own = next((one.type for one in edits if one.type is not None), None)
    if own is not None:
        return union_type(sort, of_field(own))
    if declared is not None:
        return sort
    # Without a declaration any value of that kind will do, and of lists, mappings and nothing, any value.
    return sort._replace(texts=None, mismatch=None, is_date=None) if sort.kinds <= _KEPT else None
