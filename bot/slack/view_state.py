"""The values that people entered in a modal, and sentences under the inputs that are wrong.

`values` is `view["state"]["values"]` as Slack sends it. An input that is missing or unknown counts as untouched. What
the inputs mean is the same on every surface: `engine.fields.forms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from bot.presentation import labels
from bot.slack import ids, input_blocks, text_objects
from bot.slack.input_blocks import Raw
from engine import json_values, requests
from engine.domain import InvalidEdits, InvalidInputs
from engine.errors import about
from engine.fields import Field, FieldType, forms
from engine.fields.forms import FormEntry, Typed
from engine.json_values import Value
from engine.requests import Editable


@dataclass(frozen=True, slots=True)
class ViewState:
    """The content of one input. `words`: the labels of the options that were chosen."""

    block: str
    kind: str
    raw: Raw
    words: str = ""


Form: TypeAlias = Mapping[str, Mapping[str, ViewState]]
"""The inputs of a modal, by the key of their field and the part of it."""


# -- the whole form -----------------------------------------------------------------------------------------


def read_edits(values: object, editable: Sequence[Editable], current: Value) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the fields that were changed, by dotted path, and sentences by block id. No edits: a plain approve.

    `current` is the content that the form was prefilled with.
    """
    form = states(values)
    edits, errors = forms.read_edits(requests.editable_fields(editable, current), partial(_entries, form))
    return edits, _under_blocks(
        errors, {json_values.show_path(editable_value.path): editable_value.field for editable_value in editable}, form
    )


def read_inputs(
    values: object, declared: Mapping[str, Field], prefilled: Mapping[str, Value] | None = None
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return all inputs of a run, and error sentences by block id. `prefilled`: the values when the form was opened.

    An error of an input without a block in the form is returned under the name of the input.
    """
    form = states(values)
    inputs, errors = forms.read_inputs(declared, partial(_entries, form), prefilled)
    return inputs, _under_blocks(errors, declared, form)


def read_output(values: object, expected: Mapping[str, Field]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the filled-in values of the output of a step, by dotted path, and error sentences by block id."""
    form = states(values)
    fields = ((name, field, None) for name, field in expected.items())
    typed, errors = forms.read_edits(fields, partial(_entries, form))
    return typed, _under_blocks(errors, expected, form)


def _under_blocks(errors: Mapping[str, str], fields: Mapping[str, Field], form: Form) -> dict[str, str]:
    return {
        _block_of(fields[name], form.get(ids.field_key(name), {})) or name: _shown(
            about(labels.of_field(fields[name].label, name), predicate)
        )
        for name, predicate in errors.items()
    }


def _block_of(field: Field, inputs: Mapping[str, ViewState]) -> str:
    """Return the block that an error of this field belongs under."""
    currency = inputs.get(forms.CURRENCY)
    if field.type is FieldType.MONEY and currency is not None and len(str(currency.raw).strip()) != 3:
        return currency.block
    return next((state.block for state in inputs.values()), "")


def place_errors(values: object, refusal: InvalidEdits | InvalidInputs) -> dict[str, str]:
    """Return the errors of the engine by the block of each field, or nothing if the form has no inputs.

    Errors about no input of the form are returned under its first input.
    """
    form = states(values)
    first = next((state.block for inputs in form.values() for state in inputs.values()), None)
    if first is None:
        return {}
    placed = forms.place(refusal.errors, refusal.labels, lambda path: ids.field_key(path) in form)
    under = {next(iter(form[ids.field_key(path)].values())).block: sentence for path, sentence in placed.under.items()}
    if placed.elsewhere:
        under[first] = f"{placed.elsewhere} {under.get(first, '')}".strip()
    return {block: _shown(sentences) for block, sentences in under.items()}


def _shown(sentences: str) -> str:
    """Return sentences as they stand under an input."""
    return text_objects.clipped(text_objects.shown(sentences), ids.ERROR_TEXT)


def read_reason(values: object) -> str | None:
    """Return the reason that was given, or None."""
    return _read_text(values, ids.REASON_BLOCK)


def read_code(values: object) -> str:
    """Return the code that was typed, or an empty text."""
    return _read_text(values, ids.CODE_BLOCK) or ""


def _read_text(values: object, name: str) -> str | None:
    for block, state in _elements(values):
        if block == name and isinstance(raw := _raw(state), str):
            return raw.strip() or None
    return None


def read_text(values: object, block_id: str) -> str:
    """Return what was typed into this input or chosen in it, or an empty text."""
    for block, state in _elements(values):
        if block == block_id and isinstance(raw := _raw(state), str):
            return raw
    return ""


def read_source(values: object) -> tuple[str, Mapping[str, Any] | None]:
    """Return the text that was pasted to be registered, and the file that was uploaded, as Slack describes it."""
    pasted: dict[str, str] = {}
    file: Mapping[str, Any] | None = None
    for block, state in _elements(values):
        if block.startswith(ids.PASTE_BLOCK) and isinstance(raw := _raw(state), str):
            pasted[block] = raw
        files = state.get("files")
        if block == ids.UPLOAD_BLOCK and isinstance(files, list) and files and isinstance(files[0], Mapping):
            file = files[0]
    return "".join(pasted[block] for block in sorted(pasted)), file


def chosen_files(values: object) -> dict[str, Mapping[str, Any]]:
    """Return the file that was chosen for each field, as Slack describes it, by block."""
    chosen: dict[str, Mapping[str, Any]] = {}
    for block, element in _elements(values):
        files = element.get("files") if element.get("type") == "file_input" else None
        if isinstance(files, list) and files and isinstance(files[0], Mapping) and ids.read_field_block(block):
            chosen[block] = files[0]
    return chosen


def with_references(values: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values with the text of a reference for each file that was chosen. `texts`: by block."""
    read = {block: {ids.INPUT: {"type": "file_input", _REFERENCE: text}} for block, text in texts.items()}
    return {**values, **read}


# -- one field ----------------------------------------------------------------------------------------------


def _entries(form: Form, name: str, field: Field, now: Value) -> tuple[FormEntry, ...]:
    """Return the inputs of a field as they came back. Raises `InvalidValue`."""
    came_back = form.get(ids.field_key(name), {})
    return tuple(
        FormEntry(
            prefill=_options(field, part.prefill),
            typed=_typed(field, came_back[part.name]) if part.name in came_back else None,
            part=part.name,
        )
        for part in input_blocks.parts(field, now) or ()
    )


def _typed(field: Field, state: ViewState) -> Typed:
    if state.kind == "datetimepicker" and isinstance(state.raw, str) and state.raw:
        return input_blocks.from_epoch(state.raw)
    return _options(field, state.raw)


def _options(field: Field, raw: Raw) -> Typed:
    """Return the values of the options that were chosen; of other fields the text."""
    if isinstance(raw, str) and field.type not in (FieldType.CHOICE, FieldType.CHOICES):
        return raw
    keys = (raw,) if isinstance(raw, str) else raw
    by_key = {ids.option_key(value): value for value in field.values}
    return tuple(by_key.get(key, key) for key in keys if key)


# -- view state ---------------------------------------------------------------------------------------------


def states(values: object) -> dict[str, dict[str, ViewState]]:
    """Return the contents of the inputs, by the key of the field and the part."""
    form: dict[str, dict[str, ViewState]] = {}
    for block, element in _elements(values):
        name, raw = ids.read_field_block(block), _raw(element)
        if name is not None and raw is not None:
            key, part = name
            form.setdefault(key, {})[part] = ViewState(block, str(element["type"]), raw, _words(element))
    return form


def _elements(values: object) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the one element of each block."""
    if not isinstance(values, Mapping):
        return []
    return [
        (block, element)
        for block, elements in values.items()
        if isinstance(block, str) and isinstance(elements, Mapping)
        for element in [*elements.values()][:1]
        if isinstance(element, Mapping)
    ]


def _words(element: Mapping[str, Any]) -> str:
    """Return the labels of the options that were chosen, as Slack shows them."""
    chosen = element.get("selected_options") or [element.get("selected_option")]
    texts = [option.get("text") for option in chosen if isinstance(option, Mapping)]
    return ", ".join(str(text.get("text", "")) for text in texts if isinstance(text, Mapping))


_TEXTS: Final = {
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "datepicker": "selected_date",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
}
_REFERENCE: Final = "signoff_reference"
"""Where we note the text of the reference to a file that was fetched; Slack sends no such key."""
_SINGLE: Final = frozenset({"static_select", "radio_buttons"})
_SEVERAL: Final = frozenset({"multi_static_select", "checkboxes"})


def _raw(element: Mapping[str, Any]) -> Raw | None:
    """Return the content of an element, or None for a kind that we never make."""
    kind = str(element.get("type"))
    if kind == "file_input":
        return str(element.get(_REFERENCE, ""))
    if kind in _TEXTS:
        entered = element.get(_TEXTS[kind])
        return "" if entered is None else str(entered)
    if kind in _SINGLE:
        chosen = element.get("selected_option")
        return str(chosen.get("value", "")) if isinstance(chosen, Mapping) else ""
    if kind == "multi_users_select":
        users = element.get("selected_users")
        return tuple(map(str, users)) if isinstance(users, list) else ()
    if kind in _SEVERAL:
        several = element.get("selected_options")
        listed = several if isinstance(several, list) else []
        return tuple(str(option.get("value", "")) for option in listed if isinstance(option, Mapping))
    return None
