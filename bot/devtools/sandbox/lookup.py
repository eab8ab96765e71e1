"""Finds a button by its text or action_id, and an input by its label or block_id.

An object `{"block_id": …, "action_id": …}` names one of several; with `value`, one option of a menu.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from bot.devtools.sandbox.blocks.check import block_elements
from bot.devtools.sandbox.errors import CannotAct
from bot.devtools.sandbox.inputs import stateful_elements
from bot.devtools.sandbox.jsontypes import Json

Target: TypeAlias = str | Json

_CLICKABLE: Final = frozenset({"button", "icon_button", "overflow", "feedback_buttons", "workflow_button"})


def find_clickable(blocks: list[Json], name: Target) -> tuple[Json, Json, Json]:
    """Return the block, the element, and the option or button that is clicked (the element itself for buttons).

    `name`: the shown text or value, or the action_id. Raises `CannotAct`.
    """
    for block in blocks:
        for element in block_elements(block):
            if element["type"] in _CLICKABLE:
                for choice in _choices(element):
                    if _matches(name, block, element, choice):
                        return block, element, choice
    texts = ", ".join(map(repr, clickable_texts(blocks)))
    raise CannotAct(f"there is nothing to click called {name!r}; there are {texts or 'none'}")


def _matches(name: Target, block: Json, element: Json, choice: Json) -> bool:
    if isinstance(name, str):
        return name in (element["action_id"], choice["text"]["text"])
    return _has_ids(name, block, element) and name.get("value", choice.get("value")) == choice.get("value")


def _has_ids(name: Json, block: Json, element: Json) -> bool:
    return bool(name["block_id"] == block["block_id"] and name["action_id"] == element["action_id"])


def _choices(element: Json) -> list[Json]:
    if element["type"] == "overflow":
        return list(element["options"])
    if element["type"] == "feedback_buttons":
        return [element["positive_button"], element["negative_button"]]
    return [element]


def clickable_texts(blocks: list[Json]) -> list[str]:
    """Return the texts of everything that can be clicked."""
    return [
        choice["text"]["text"]
        for block in blocks
        for element in block_elements(block)
        if element["type"] in _CLICKABLE
        for choice in _choices(element)
    ]


def find_input(blocks: list[Json], name: Target) -> tuple[Json, Json]:
    """Return the block and the element of an input, by block_id, action_id or label. Raises `CannotAct`."""
    for block, element in stateful_elements(blocks):
        names = (block["block_id"], element["action_id"], block.get("label", {}).get("text"))
        if name in names if isinstance(name, str) else _has_ids(name, block, element):
            return block, element
    existing = ", ".join(
        repr(block.get("label", {}).get("text", block["block_id"])) for block, _ in stateful_elements(blocks)
    )
    raise CannotAct(f"there is no input called {name!r}; there are {existing or 'none'}")
