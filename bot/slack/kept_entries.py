"""What people entered in a form, kept when a newer form takes its place. Nothing that was typed is lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from bot.presentation import labels
from bot.slack import ids, input_blocks, text_objects, view_state
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block, Element
from bot.slack.view_state import Form, ViewState

_TEXTS: Final = frozenset({"plain_text_input", "number_input", "email_text_input", "url_text_input"})
_MOMENT: Final = "datetimepicker"
_PICKERS: Final = {
    "datepicker": "initial_date",
    _MOMENT: "initial_date_time",
    "users_select": "initial_user",
    "conversations_select": "initial_conversation",
}
_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_SINGLE: Final = frozenset({"static_select", "radio_buttons"})
_SEVERAL: Final = frozenset({"multi_static_select", "checkboxes"})


@dataclass(frozen=True, slots=True)
class KeptEntries:
    """The blocks of the newer form with the entries of the older one, and the entries that have no input any more."""

    blocks: list[Block]
    without_input: tuple[Line, ...]


def keep(blocks: Sequence[Block], values: object, names: Mapping[str, str]) -> KeptEntries:
    """Return the blocks of a newer form, filled with the entries of an older one. `names`: its labels, by block id."""
    form = view_state.states(values)
    filled = [_filled(block, form) for block in blocks]
    kept = {place for place, _ in filled if place is not None}
    left = [
        _line(state, key, names)
        for key, inputs in form.items()
        for part, state in inputs.items()
        if state.raw and (key, part) not in kept
    ]
    return KeptEntries([block for _, block in filled], tuple(left))


def _filled(block: Block, form: Form) -> tuple[tuple[str, str] | None, Block]:
    """Return the block with its entry, and which entry that was; None if there is none, or none that it can hold."""
    place = ids.read_field_block(block["block_id"]) if block["type"] == "input" else None
    state = form.get(place[0], {}).get(place[1]) if place is not None else None
    element = _element(block["element"], state) if state is not None else None
    return (None, block) if element is None else (place, {**block, "element": element})


def _element(element: Element, state: ViewState) -> Element | None:
    bare = {key: value for key, value in element.items() if not key.startswith("initial_")}
    kind, raw = element["type"], state.raw
    if not raw:
        return bare
    if kind in _SINGLE | _SEVERAL:
        return _chosen(bare, (raw,) if isinstance(raw, str) else raw)
    if kind == state.kind == "multi_users_select":
        return {**bare, "initial_users": [*raw]}
    if isinstance(raw, str) and kind in _PICKERS and kind == state.kind:
        if kind == _MOMENT and int(raw) not in input_blocks.TEN_DIGITS:
            return None
        return {**bare, _PICKERS[kind]: int(raw) if kind == _MOMENT else raw}
    return _typed(bare, raw, state.kind) if isinstance(raw, str) and {kind, state.kind} <= _TEXTS else None


def _chosen(bare: Element, keys: Iterable[str]) -> Element | None:
    """Return a choice of these options, or None if it does not offer all of them."""
    offered = {option["value"]: option for option in bare["options"]}
    chosen = [offered[key] for key in keys if key in offered]
    if len(chosen) < len([*keys]) or (bare["type"] in _SINGLE and len(chosen) > 1):
        return None
    return {**bare, "initial_options": chosen} if bare["type"] in _SEVERAL else {**bare, "initial_option": chosen[0]}


def _typed(bare: Element, text: str, kind: str) -> Element:
    """Return an input with the text. One that could not hold it becomes a text input, so the person can correct it."""
    if bare["type"] == kind != "plain_text_input" and (kind != "number_input" or _accepts(bare, text)):
        return {**bare, "initial_value": text}
    longest = max(bare.get("max_length", ids.INPUT_TEXT), text_objects.units(text))
    return {
        "type": "plain_text_input",
        "action_id": bare["action_id"],
        "multiline": bare.get("multiline", False) or "\n" in text,
        "max_length": min(ids.INPUT_TEXT, longest),
        "initial_value": text,
    }


def _accepts(bare: Element, text: str) -> bool:
    """Return whether a number input may begin with this number, which another one has accepted."""
    if _NUMBER.fullmatch(text) is None:
        return False
    number = Decimal(text)
    low, high = (Decimal(bare[key]) if key in bare else number for key in ("min_value", "max_value"))
    return low <= number <= high and (bare["is_decimal_allowed"] or "." not in text)


def _line(state: ViewState, key: str, names: Mapping[str, str]) -> Line:
    label = text_objects.line(names.get(state.block) or labels.in_words(key))
    match state.kind:
        case "users_select":
            return Line(label=label, after=str(state.raw), account=str(state.raw))
        case "datetimepicker":
            return Line(label=label, phrase=(datetime.fromtimestamp(int(str(state.raw)), UTC),))
        case _:
            return Line(label=label, after=text_objects.shown(state.words or "".join(_parts(state))))


def _parts(state: ViewState) -> Iterator[str]:
    yield from (state.raw,) if isinstance(state.raw, str) else state.raw
