"""The items that a request is about, arranged for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from bot.presentation import items
from bot.terminal import story_lines
from engine.child_views import ItemView
from engine.domain import ItemStatus


def render_items(shown: Iterable[ItemView]) -> Iterator[Text | Table]:
    """Yield a line for each item, with what its step is called with below it."""
    for item in shown:
        state = "" if item.status is ItemStatus.WAITING else f" ({items.state(item)})"
        yield Text(f"Item {item.number}{state}", style="bold")
        yield story_lines.render_output(item.params if item.params is not None else {"item": item.value}, {})
