"""The visible texts and buttons of a Slack message or modal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_VISIBLE_KEYS: Final = ("title", "text", "label", "hint", "elements", "accessory", "blocks")
"""The keys with visible texts, in reading order."""


def words(part: Any) -> str:
    """Return all visible text in one line."""
    return " ".join(" ".join(_texts(part)).split())


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _texts(item)
    elif isinstance(part, dict):
        for key in _VISIBLE_KEYS:
            value = part.get(key)
            if isinstance(value, str) and key == "text":
                # A message with blocks also has a text, for clients that cannot show blocks.
                yield "" if part.get("blocks") else value
            else:
                yield from _texts(value)


def buttons(message: dict[str, Any]) -> list[str]:
    """Return the texts of the buttons of a message."""
    rows = [block["elements"] for block in message.get("blocks", []) if block["type"] == "actions"]
    return [words(element) for row in rows for element in row if element["type"] == "button"]


def heading(message: dict[str, Any]) -> str:
    """Return the heading of a message, or an empty text if it has none."""
    blocks = message.get("blocks") or [{"type": "none"}]
    return words(blocks[0]) if blocks[0]["type"] == "header" else ""
