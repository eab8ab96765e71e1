"""The rules of ratings: who may rate what a request asked about, and how. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine import json_values
from engine.domain import CannotRate, Decide, GiveRating, Person, Refusal
from engine.requests.identification import check_assurance
from engine.requests.model import Request

HIGHEST: Final = 5
"""The best rating; the worst is 1."""
COMMENT_LENGTH: Final = 3000
"""Maximum length of a comment, in characters."""


def check(request: Request, command: GiveRating, person: Person | None, deciders: Collection[str]) -> Refusal | None:
    """Return why this person cannot rate the request, or None. `deciders`: the ids of those who decided or voted."""
    if not request.feedback:
        return CannotRate(why="off")
    if person is None or person.id not in deciders:
        is_asked = person is not None and any(row.person.id == person.id for row in request.approvers)
        return CannotRate(why="not_yet" if is_asked and request.closed_at is None else "not_yours")
    return _check_values(command.rating, command.comment) or check_assurance(request, command)


def check_with_decision(request: Request, command: Decide) -> Refusal | None:
    """Return why the rating that comes with a decision cannot be saved, or None."""
    if command.rating is None and cleaned(command.comment) is None:
        return None
    if not request.feedback:
        return CannotRate(why="off")
    return CannotRate(why="rating") if command.rating is None else _check_values(command.rating, command.comment)


def _check_values(rating: int, comment: str | None) -> Refusal | None:
    if not 1 <= rating <= HIGHEST:
        return CannotRate(why="rating")
    return CannotRate(why="too_long") if len(comment or "") > COMMENT_LENGTH else None


def cleaned(comment: str | None) -> str | None:
    """Return the comment as it is saved, or None if nothing is said."""
    return json_values.clean_text(comment or "").strip() or None
