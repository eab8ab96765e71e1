"""App Home: the requests that wait for a person, and the runs that they may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.slack import command_messages, ids, text_objects
from bot.slack.text_objects import Block, View
from engine.read_models import RequestView, RunView

_NO_RUNS: Final = (
    "You have started no run yet. To start one, type {command} run and its name in any conversation; "
    "{command} list says which there are."
)


def home(*, pending: Sequence[RequestView], runs: Sequence[RunView], command: str = "/signoff") -> View:
    """Return the Home tab. Requests open from here with all their buttons, even if the message was deleted."""
    most = command_messages.MOST_ITEMS
    return {
        "type": "home",
        "callback_id": ids.HOME,
        "blocks": [
            text_objects.header("Waiting for you", block="pending"),
            *_part(
                command_messages.requests(pending[:most]),
                len(pending) - most,
                none="Nothing waits for you.",
                name="pending",
            ),
            text_objects.header("Runs", block="runs"),
            *_part(
                command_messages.run_items(runs[:most]),
                len(runs) - most,
                none=_NO_RUNS.format(command=command),
                name="runs",
            ),
        ],
    }


def _part(items: list[Block], more: int, *, none: str, name: str) -> list[Block]:
    if not items:
        return [text_objects.section(none, block=f"{name}:none")]
    if more <= 0:
        return items
    return [*items, text_objects.context([text_objects.plain(f"And {more:,} more.")], block=f"{name}:more")]
