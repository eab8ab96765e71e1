"""App Home: what waits for a person, and the runs that they may see."""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack import ids, lists, text
from bot.slack.text import Block, View
from engine.views import RequestView, RunView


def home(*, pending: Sequence[RequestView], runs: Sequence[RunView], command: str = "/signoff") -> View:
    """The Home tab. Requests open from here too, with all their buttons, whatever became of the message."""
    most = lists.MOST_ITEMS
    return {
        "type": "home",
        "callback_id": ids.HOME,
        "blocks": [
            text.header("Waiting for you", block="pending"),
            *_part(lists.requests(pending[:most]), len(pending) - most, none="Nothing waits for you.", name="pending"),
            text.header("Runs", block="runs"),
            *_part(
                lists.run_items(runs[:most]), len(runs) - most, none=f"None of yours yet: {command} list", name="runs"
            ),
        ],
    }


def _part(items: list[Block], more: int, *, none: str, name: str) -> list[Block]:
    if not items:
        return [text.section(none, block=f"{name}:none")]
    if more <= 0:
        return items
    return [*items, text.context([text.plain(f"And {more:,} more.")], block=f"{name}:more")]
