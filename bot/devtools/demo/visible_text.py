"""What Slack shows, as people read it: texts and buttons of a message or a modal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_SHOWN: Final = ("title", "text", "label", "hint", "elements", "accessory", "blocks")
"""The keys whose values people read, in the order in which they read them."""


def words(part: Any) -> str:
    """All that can be read in it, in one line."""
    return " ".join(" ".join(_texts(part)).split())


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, dict):
        for key in _SHOWN:
            value = part.get(key)
            if isinstance(value, str) and key == "text":
                # A message has a text beside its blocks, for clients that cannot show them.
                yield "" if part.get("blocks") else value
            else:
                yield from _texts(value)


def buttons(message: dict[str, Any]) -> list[str]:
    """The texts of the buttons below a message."""
    rows = [block["elements"] for block in message.get("blocks", []) if block["type"] == "actions"]
    return [words(element) for row in rows for element in row if element["type"] == "button"]


def is_titled(message: dict[str, Any], title: str) -> bool:
    """Whether a message has this heading."""
    blocks = message.get("blocks") or [{"type": "none"}]
    return bool(blocks[0]["type"] == "header" and words(blocks[0]) == title)
