"""The inputs of a workflow as a form on a page, for a trial or for a start, and what was typed into it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.presentation import characters, labels
from bot.web import form_inputs, review_view
from bot.web.form_inputs import Raws
from bot.web.review_view import ShownField
from engine import fields
from engine.errors import InvalidValue, about
from engine.fields import Field, FieldType, forms
from engine.json_values import Value
from engine.workflowfile import Workflow

_PATH: Final = "inputs."


def asked(workflow: Workflow, *, with_files: bool = False) -> dict[str, Field]:
    """Return the inputs that a form has. Without files, a form has those that are no files."""
    declared = {} if workflow.is_asked else workflow.inputs
    return {name: field for name, field in declared.items() if with_files or field.type is not FieldType.FILE}


def needs_file(workflow: Workflow) -> bool:
    """Return whether a run cannot start without a file."""
    return any(field.type is FieldType.FILE and field.required for field in workflow.inputs.values())


def takes_files(missing: Mapping[str, str]) -> bool:
    """Return whether a server has a place for files. `missing`: what it does not have."""
    return FieldType.FILE not in missing


def file_names(declared: Mapping[str, Field]) -> dict[str, str]:
    """Return the inputs that take a file, by the name that they have in the form."""
    return {form_inputs.key(f"{_PATH}{name}"): name for name, field in declared.items() if field.type is FieldType.FILE}


def shown(
    declared: Mapping[str, Field], filled: Mapping[str, Value], raws: Raws, wrong: Mapping[str, str]
) -> tuple[ShownField, ...]:
    """Return the fields of the form. `filled`: their values at first; `raws`: what was typed since."""
    return tuple(
        _shown(name, field, filled.get(name, field.default), raws, wrong.get(name)) for name, field in declared.items()
    )


def _shown(name: str, field: Field, value: Value, raws: Raws, error: str | None) -> ShownField:
    label, inputs = labels.of_field(field.label, name), form_inputs.inputs(f"{_PATH}{name}", field, value)
    help_text = (characters.line(field.help),) if field.help else ()
    return ShownField(
        path=f"{_PATH}{name}",
        label=characters.line(label),
        text="",
        inputs=form_inputs.refilled(inputs, raws),
        is_optional=not field.required,
        hints=(*help_text, *review_view.hints(field, value, inputs)),
        error=about(label, error) if error else None,
    )


def read(
    declared: Mapping[str, Field], filled: Mapping[str, Value], raws: Raws
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the values that were typed, and what is wrong with each of the others, by name."""
    values: dict[str, Value] = {}
    wrong: dict[str, str] = {}
    for name, field in declared.items():
        path, value = f"{_PATH}{name}", filled.get(name, field.default)
        edits, errors = forms.read_edits(
            [(path, field, value)], lambda path, field, value: form_inputs.entries(path, field, value, raws)
        )
        if path in errors:
            wrong[name] = errors[path]
            continue
        try:
            values[name] = fields.validate(field, edits.get(path, value))
        except InvalidValue as error:
            wrong[name] = str(error)
    return values, wrong
