"""The visible texts and buttons of a Slack message or modal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bot.slack import ids

_VISIBLE_KEYS: Final = ("title", "text", "fallback", "label", "hint", "elements", "accessory", "blocks")
"""The keys with visible texts, in reading order."""
_DETAILS: Final = frozenset({ids.DETAILS, ids.RUN_DETAILS})


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
            if isinstance(value, str) and key in ("text", "fallback"):
                # A message with blocks also has a text, for clients that cannot show blocks.
                yield "" if part.get("blocks") else value
            else:
                yield from _texts(value)


def decision_buttons(message: dict[str, Any]) -> list[str]:
    """Return the texts of the buttons of a message, without the one that only shows the details."""
    rows = [block["elements"] for block in message.get("blocks", []) if block["type"] == "actions"]
    buttons = [element for row in rows for element in row if element["type"] == "button"]
    return [words(button) for button in buttons if button["action_id"] not in _DETAILS]


def question(message: dict[str, Any]) -> str:
    """Return the question of a message: its heading, or what stands below how it ended; empty if it has none."""
    first, *_ = message.get("blocks") or [{"type": "none"}]
    if first["type"] == "rich_text" and len(first["elements"]) > 1:
        return words(first["elements"][1])
    return words(first) if first["type"] == "header" else ""
