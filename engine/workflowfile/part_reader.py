"""Reads one part of a workflow file by itself, so that a mistake in it hides none in another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from engine.expressions import iter_strings
from engine.fields import Field, check_declaration
from engine.json_values import Path, Value
from engine.workflowfile import unsupported
from engine.workflowfile.grammar import (
    MAX_INPUTS,
    FilePart,
)
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import check_name, has_expression
from engine.workflowfile.schema_errors import SchemaContext, keys_of, report_errors

PartT = TypeVar("PartT", bound=FilePart)


def read_part(
    report: ProblemReport,
    model: type[PartT],
    value: dict[str, Value],
    *,
    context: SchemaContext,
    parts: Mapping[str, Collection[str]],
    placeholders: Mapping[str, object] | None = None,
) -> PartT | None:
    """Read a part without its wrong keys, which are reported. Return None if a wrong key is required.

    `parts`: the parts of the file whose keys this mapping has, each with the keys that mean something else here.
    `placeholders`: values for required keys that are missing or wrong, so that the other keys can still be read.
    """
    value = unsupported.remove_unsupported(report, value, model, context.base, parts=parts)
    context = replace(context, not_yet=unsupported.unsupported_keys(parts))
    known_keys = keys_of(model)
    empty = [key for key in value if value[key] is None and key in known_keys]
    for key in empty:
        report.add((*context.base, key), f"`{key}` has no value.", "Give it one, or delete the line.", at="key")
    filled = {key: value[key] for key in value if key not in empty}
    try:
        return model.model_validate(filled)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    errors = [error for error in errors if not (error["type"] == "missing" and error["loc"][0] in empty)]
    report_errors(report, errors, context)
    wrong = {error["loc"][0] for error in errors if error["loc"]}
    try:
        right = {key: filled[key] for key in filled if key not in wrong}
        return model.model_validate({**(placeholders or {}), **right})
    except ValidationError:
        return None


def read_fields(report: ProblemReport, raw: dict[str, Value], at: Path, *, subject: str) -> dict[str, Field | None]:
    fields: dict[str, Field | None] = {}
    for name, value in list(raw.items())[:MAX_INPUTS]:
        report_name(report, name, (*at, name), subject=subject)
        fields[name] = read_field(report, value, (*at, name))
    return fields


def report_name(report: ProblemReport, name: str, at: Path, *, subject: str) -> None:
    """Report an invalid name. The name of an input or field is a key of the file, the name of a step is a value."""
    try:
        check_name(name, subject)
    except PydanticCustomError as error:
        context = error.context or {}
        report.add(at, error.message(), context.get("hint", ""), at="key" if at[-1] == name else "value")


def read_field(report: ProblemReport, value: Value, at: Path) -> Field | None:
    """Read the declaration of a field. Report its problems and return None if it has any."""
    is_literal = True
    for path, text in iter_strings(value):
        if has_expression(text):
            is_literal = False
            report.add(at + path, "A field is declared with plain text; expressions do not work here.")
    if not is_literal:
        return None
    try:
        field = Field.model_validate(value)
        if not report.registered:
            check_declaration(field)
        return field
    except ValidationError as error:
        report_errors(report, error.errors(include_url=False), SchemaContext(base=at, model=Field, name="a field"))
        return None


def missing_space(value: Value) -> str:
    return "Put a space after the colon." if isinstance(value, str) and ":" in value else ""
