"""One line that tells a request from others in a list or a subject: its question, and values that it lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bot.presentation.characters import line
from engine.domain import CardField
from engine.fields import FieldType
from engine.read_models import RequestView

MOST_VALUES: Final = 2
LONGEST: Final = 40
"""Longest value that stands in a list or a subject, in characters."""
_TELLING: Final = frozenset(
    {FieldType.MONEY, FieldType.TEXT, FieldType.NUMBER, FieldType.INTEGER, FieldType.DATE, FieldType.EMAIL}
    | {FieldType.CHOICE, FieldType.PERSON, FieldType.URL, FieldType.DATETIME}
)


def key_values(title: str, values: Sequence[CardField]) -> tuple[str, ...]:
    """Return up to two short values that tell this question from others. None if the question has one in it."""
    short = [line(field.text) for field in values if field.tells and field.type in _TELLING and _is_short(field.text)]
    if any(text in title for text in short):
        return ()
    return tuple(dict.fromkeys(short))[:MOST_VALUES]


def question(title: str, values: Sequence[CardField]) -> str:
    """Return a question in one line that can be told from others of the same workflow."""
    return " · ".join(filter(None, [line(title), *key_values(title, values)]))


def waiting(count: int) -> str:
    """Return the heading of a person's list of requests, without a full stop."""
    if count == 0:
        return "No request is waiting for you"
    return f"{count:,} {'request is' if count == 1 else 'requests are'} waiting for you"


def by_deadline(requests: Iterable[RequestView]) -> list[RequestView]:
    """Return requests in the order in which they expire, those that never do last; of equal ones the oldest first."""
    return sorted(requests, key=_urgency)


def _urgency(request: RequestView) -> tuple[bool, float, str]:
    deadlines = request.model.deadlines
    at, after = deadlines.ends_at, deadlines.expires_after
    if at is None and after is not None:
        # Its clock starts when a first person was asked, which is at any moment.
        at = deadlines.opened_at + after
    return at is None, (at or deadlines.opened_at).timestamp(), request.id


def _is_short(text: str) -> bool:
    return 1 < len(text) <= LONGEST and "\n" not in text
