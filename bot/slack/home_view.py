"""App Home: the requests that are waiting for a person, and the runs that they may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.presentation import summary
from bot.slack import command_messages, ids, list_rows, sentences, text_objects
from bot.slack.list_rows import RunList
from bot.slack.text_objects import Block, View
from engine.domain import Phrase
from engine.read_models import RequestView
from engine.requests import Question

_NONE_WAITING: Final = "New requests appear here, and in the Messages tab."


def home(
    *,
    pending: Sequence[RequestView],
    asked: Sequence[tuple[RequestView, Question]] = (),
    runs: RunList,
    away: Phrase = (),
    command: str = command_messages.COMMAND,
) -> View:
    """Return the Home tab. Requests open from here with all their buttons, even if the message was deleted.

    `away`: until when the person is away, and who decides in their place.
    """
    no_runs = command_messages.no_runs(command)
    return {
        "type": "home",
        "callback_id": ids.HOME,
        "blocks": [
            *([sentences.block((*away, f" To end this, type {command} back."))] if away else []),
            text_objects.header(summary.waiting(len(pending)), block="pending"),
            *_part(list_rows.requests(pending), none=_NONE_WAITING, name="pending"),
            *_asked(asked),
            text_objects.header("Your latest runs", block="runs"),
            *_part(list_rows.runs(runs), none=no_runs, name="runs"),
        ],
    }


def _asked(asked: Sequence[tuple[RequestView, Question]]) -> list[Block]:
    """Return the questions that the person was asked, or nothing if there is none."""
    return [text_objects.header("Questions for you", block="asked"), *list_rows.open_questions(asked)] if asked else []


def _part(rows: list[Block], *, none: str, name: str) -> list[Block]:
    return rows or [text_objects.section(none, block=f"{name}:none")]
