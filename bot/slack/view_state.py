"""What people answered in a modal: view state -> values, or a sentence under the input that is wrong.

`values` is `view["state"]["values"]` as Slack sends it. Whatever is missing or unknown in it counts as untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.slack import ids, input_blocks, text_objects
from bot.slack.input_blocks import InputPart, Raw
from engine import fields, json_values
from engine.domain import InvalidEdits, InvalidInputs
from engine.errors import InvalidValue, about
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.requests import Editable


@dataclass(frozen=True, slots=True)
class ViewState:
    """What one input holds."""

    block: str
    kind: str
    raw: Raw


# -- the whole form -----------------------------------------------------------------------------------------


def read_edits(values: object, editable: Sequence[Editable], current: Value) -> tuple[dict[str, Value], dict[str, str]]:
    """The fields that were really changed, by dotted path; and sentences by block id. No edits: a plain approve.

    `current` is the content that the form was prefilled with.
    """
    found, edits, errors = states(values), dict[str, Value](), dict[str, str]()
    for one in editable:
        name = json_values.show_path(one.path)
        now = json_values.look(current, one.path)
        here = found.get(ids.field_key(name), {})
        try:
            changed = _changed(one.field, now, here)
        except InvalidValue as error:
            errors[_wrong_block(one.field, here)] = said(one.field.label or name, str(error))
            continue
        if changed is not None and (edited := fields.edit(one.field, now, changed[0])) is not None:
            edits[name] = edited[0]
    return edits, errors


def read_inputs(
    values: object, declared: Mapping[str, Field], prefilled: Mapping[str, Value] | None = None
) -> tuple[dict[str, Value], dict[str, str]]:
    """All inputs of a run, typed; and sentences by block id. `prefilled`: what the form was opened with.

    An error of an input that the form has no block for stands under its name.
    """
    found, read, errors = states(values), dict[str, Value](), dict[str, str]()
    for name, field in declared.items():
        now = (prefilled or {}).get(name, field.default)
        here = found.get(ids.field_key(name), {})
        try:
            changed = _changed(field, now, here)
            read[name] = _kept(field, now) if changed is None else changed[0]
        except InvalidValue as error:
            errors[_wrong_block(field, here) or name] = said(field.label or name, str(error))
    return read, errors


def _kept(field: Field, now: Value) -> Value:
    return fields.absent(field) if now is None else fields.validate(field, now)


def place_errors(values: object, refusal: InvalidEdits | InvalidInputs) -> dict[str, str]:
    """What the engine says of fields, under the inputs of these fields; empty if there are none.

    What is about no input of the form stands under its first one.
    """
    found = states(values)
    first = next((state.block for here in found.values() for state in here.values()), None)
    placed: dict[str, list[str]] = {}
    for path, message in refusal.errors.items():
        block = _nearest(found, path) or first
        if block is not None:
            placed.setdefault(block, []).append(said(refusal.labels.get(path) or path, message))
    return {block: text_objects.clipped(" ".join(sentences), ids.ERROR_TEXT) for block, sentences in placed.items()}


def _nearest(found: Mapping[str, Mapping[str, ViewState]], path: str) -> str | None:
    while path:
        for state in found.get(ids.field_key(path), {}).values():
            return state.block
        path = path.rpartition(".")[0]
    return None


def said(label: str, predicate: str) -> str:
    """A sentence about a field, for under its input."""
    return text_objects.clipped(text_objects.shown(about(label, predicate)), ids.ERROR_TEXT)


def read_reason(values: object) -> str | None:
    """The reason that was given, or None."""
    for block, state in _elements(values):
        if block == ids.REASON_BLOCK and isinstance(raw := _raw(state), str):
            return raw.strip() or None
    return None


def read_source(values: object) -> tuple[str, Mapping[str, Any] | None]:
    """What was pasted to be registered, its parts joined; and the file that was uploaded, as Slack describes it."""
    pasted: dict[str, str] = {}
    file: Mapping[str, Any] | None = None
    for block, state in _elements(values):
        if block.startswith(ids.PASTE_BLOCK) and isinstance(raw := _raw(state), str):
            pasted[block] = raw
        files = state.get("files")
        if block == ids.UPLOAD_BLOCK and isinstance(files, list) and files and isinstance(files[0], Mapping):
            file = files[0]
    return "".join(pasted[block] for block in sorted(pasted)), file


# -- one field ----------------------------------------------------------------------------------------------


def _changed(field: Field, now: Value, here: Mapping[str, ViewState]) -> tuple[Value] | None:
    """The new value, or None where nobody touched the inputs. Raises `InvalidValue`."""
    expected = input_blocks.parts(field, now)
    if expected is None or not here or all(_untouched(part, here) for part in expected):
        return None
    if field.type is FieldType.MONEY and "" not in here:
        return (_money(field, expected, here),)
    if len(expected) > 1:
        return (fields.from_text(field, _joined(expected, here)),)
    return (_single(field, now, here[""]),) if "" in here else None


def _untouched(part: InputPart, here: Mapping[str, ViewState]) -> bool:
    state = here.get(part.name)
    if state is None:
        return True
    if isinstance(state.raw, tuple) or isinstance(part.prefill, tuple):
        return set(state.raw) == set(part.prefill)
    return fields.as_seen(state.raw) == fields.as_seen(part.prefill)


def _joined(expected: Sequence[InputPart], here: Mapping[str, ViewState]) -> str:
    """A text of several parts. The white space that stood between two parts stays, even if one is written anew."""
    whole = []
    for index, part in enumerate(expected):
        assert isinstance(part.prefill, str)
        state = here.get(part.name)
        if state is None or _untouched(part, here):
            whole.append(part.prefill)
            continue
        raw = state.raw if isinstance(state.raw, str) else ""
        gap = part.prefill[len(part.prefill.rstrip()) :]
        keeps_gap = index < len(expected) - 1 and raw.strip() and raw == raw.rstrip()
        whole.append(raw + gap if keeps_gap else raw)
    return "".join(whole)


def _money(field: Field, expected: Sequence[InputPart], here: Mapping[str, ViewState]) -> Value:
    raws = {part.name: here[part.name].raw if part.name in here else part.prefill for part in expected}
    amount = str(raws.get("amount", ""))
    return fields.from_text(field, fields.money_text(amount, str(raws.get("currency", ""))))


def _single(field: Field, now: Value, state: ViewState) -> Value:
    if isinstance(state.raw, tuple) or field.type in (FieldType.CHOICE, FieldType.CHOICES):
        return _chosen(field, now, state.raw)
    if state.kind == "datetimepicker" and state.raw:
        return fields.validate(field, input_blocks.from_epoch(state.raw))
    return fields.from_text(field, state.raw)


def _chosen(field: Field, now: Value, raw: Raw) -> Value:
    """The options of these keys: those that were chosen before in their order, then the others as they are listed."""
    by_key = {ids.option_key(value): value for value in field.values}
    if isinstance(raw, str):
        return fields.validate(field, by_key.get(raw, raw) or None)
    return fields.validate(field, fields.in_order(field, now, [by_key.get(key, key) for key in raw]))


def _wrong_block(field: Field, here: Mapping[str, ViewState]) -> str:
    """The input of this field that the sentence belongs under."""
    currency = here.get("currency")
    if field.type is FieldType.MONEY and currency is not None and len(str(currency.raw).strip()) != 3:
        return currency.block
    return next((state.block for state in here.values()), "")


# -- view state ---------------------------------------------------------------------------------------------


def states(values: object) -> dict[str, dict[str, ViewState]]:
    """What the inputs of fields hold, by the key of the field and the part."""
    found: dict[str, dict[str, ViewState]] = {}
    for block, element in _elements(values):
        named, raw = ids.read_field_block(block), _raw(element)
        if named is not None and raw is not None:
            key, part = named
            found.setdefault(key, {})[part] = ViewState(block, str(element["type"]), raw)
    return found


def _elements(values: object) -> list[tuple[str, Mapping[str, Any]]]:
    """The one element of each block."""
    if not isinstance(values, Mapping):
        return []
    return [
        (block, element)
        for block, held in values.items()
        if isinstance(block, str) and isinstance(held, Mapping)
        for element in [*held.values()][:1]
        if isinstance(element, Mapping)
    ]


_TEXTS: Final = {
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "datepicker": "selected_date",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
}
_ONE: Final = frozenset({"static_select", "radio_buttons"})
_SOME: Final = frozenset({"multi_static_select", "checkboxes"})


def _raw(element: Mapping[str, Any]) -> Raw | None:
    """What an element holds; None for a kind that we never make."""
    kind = str(element.get("type"))
    if kind in _TEXTS:
        held = element.get(_TEXTS[kind])
        return "" if held is None else str(held)
    if kind in _ONE:
        chosen = element.get("selected_option")
        return str(chosen.get("value", "")) if isinstance(chosen, Mapping) else ""
    if kind in _SOME:
        several = element.get("selected_options")
        listed = several if isinstance(several, list) else []
        return tuple(str(one.get("value", "")) for one in listed if isinstance(one, Mapping))
    return None
