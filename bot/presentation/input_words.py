"""What people enter to start a workflow, in one sentence: each input with its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.presentation import characters, labels
from engine.fields import Field, FieldType
from engine.name_lists import join_names
from engine.workflowfile import Workflow

_LABEL: Final = 60
_MOST: Final = 20
_MOST_OPTIONS: Final = 5
_TYPES: Final[Mapping[FieldType, str]] = {
    FieldType.TEXT: "text",
    FieldType.LONG_TEXT: "long text",
    FieldType.NUMBER: "number",
    FieldType.INTEGER: "whole number",
    FieldType.MONEY: "amount and currency",
    FieldType.BOOLEAN: "yes or no",
    FieldType.DATE: "date",
    FieldType.DATETIME: "date and time",
    FieldType.EMAIL: "email address",
    FieldType.URL: "web address",
    FieldType.PERSON: "person",
    FieldType.FILE: "file",
    FieldType.JSON: "JSON",
}


def sentence(workflow: Workflow) -> str:
    """Return what people enter, or that they enter nothing; empty for a workflow that only programs start."""
    if workflow.is_asked:
        return ""
    if not workflow.inputs:
        return "It starts without any input."
    entered = [_input(name, field) for name, field in workflow.inputs.items()]
    return f"To start it, you enter: {join_names(entered[:_MOST], len(entered))}."


def _input(name: str, field: Field) -> str:
    label = characters.cut(characters.line(labels.of_field(field.label, name)), _LABEL)
    is_optional = not field.required and field.type is not FieldType.BOOLEAN
    return f"{label} ({_type(field)}{', optional' if is_optional else ''})"


def _type(field: Field) -> str:
    if field.type is FieldType.MONEY and field.currency:
        return f"amount in {field.currency}"
    if field.type in (FieldType.CHOICE, FieldType.CHOICES):
        options = [characters.cut(characters.line(option.label), _LABEL) for option in field.options[:_MOST_OPTIONS]]
        kind = "one of" if field.type is FieldType.CHOICE else "some of"
        return f"{kind} {join_names(options, len(field.values))}"
    return _TYPES[field.type]
