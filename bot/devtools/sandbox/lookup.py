"""Finding what a person means: a button by its text or action_id, an input by its label or block_id.

Where several are called alike, `{"block_id": …, "action_id": …}` names one; with `value`, one option of a menu.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from bot.devtools.sandbox.blocks.check import elements_of
from bot.devtools.sandbox.errors import CannotAct
from bot.devtools.sandbox.inputs import stateful
from bot.devtools.sandbox.jsontypes import Json

Name: TypeAlias = str | Json

_CLICKABLE: Final = frozenset({"button", "icon_button", "overflow", "feedback_buttons", "workflow_button"})


def clickable(blocks: list[Json], name: Name) -> tuple[Json, Json, Json]:
    """The block, the element, and the option or button clicked (the element itself for simple buttons).

    `name`: the text or value that is shown, or the action_id. Raises `CannotAct`.
    """
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in _CLICKABLE:
                for choice in _choices(element):
                    if _means(name, block, element, choice):
                        return block, element, choice
    raise CannotAct(
        f"there is nothing to click called {name!r}; there are {', '.join(map(repr, names(blocks))) or 'none'}"
    )


def _means(name: Name, block: Json, element: Json, choice: Json) -> bool:
    if isinstance(name, str):
        return name in (element["action_id"], choice["text"]["text"])
    return _is(name, block, element) and name.get("value", choice.get("value")) == choice.get("value")


def _is(name: Json, block: Json, element: Json) -> bool:
    return bool(name["block_id"] == block["block_id"] and name["action_id"] == element["action_id"])


def _choices(element: Json) -> list[Json]:
    if element["type"] == "overflow":
        return list(element["options"])
    if element["type"] == "feedback_buttons":
        return [element["positive_button"], element["negative_button"]]
    return [element]


def names(blocks: list[Json]) -> list[str]:
    """The texts of everything that can be clicked."""
    return [
        choice["text"]["text"]
        for block in blocks
        for element in elements_of(block)
        if element["type"] in _CLICKABLE
        for choice in _choices(element)
    ]


def input_named(blocks: list[Json], name: Name) -> tuple[Json, Json]:
    """The block and the element that hold a value: by block_id, action_id, or label. Raises `CannotAct`."""
    for block, element in stateful(blocks):
        called = (block["block_id"], element["action_id"], block.get("label", {}).get("text"))
        if name in called if isinstance(name, str) else _is(name, block, element):
            return block, element
    there = ", ".join(repr(block.get("label", {}).get("text", block["block_id"])) for block, _ in stateful(blocks))
    raise CannotAct(f"there is no input called {name!r}; there are {there or 'none'}")
