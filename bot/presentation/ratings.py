"""The words with which those who decided are asked for a rating, and the ratings that they gave. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bot.presentation.characters import line, visible
from engine.domain import CardFact, Person, Phrase, RequestState
from engine.read_models import RequestView
from engine.requests import Rating
from engine.requests.ratings import HIGHEST

BUTTON: Final = "Rate it"
QUESTION: Final = "How good was what you were asked to approve?"
COMMENT: Final = "Comment"
HINT: Final = "Everyone who can see this request can read it."
LABELS: Final = {number: str(number) for number in range(1, HIGHEST + 1)} | {1: "1 (poor)", HIGHEST: "5 (excellent)"}
"""The choices, from the worst to the best."""


def may_rate(request: RequestView, reader: Person | None) -> bool:
    """Return whether this person may rate a closed request: they decided it, or approved it with others.

    Where many people read the same copy, it offers the rating, and a click by another person is answered.
    """
    if not request.model.feedback or request.decision is None or request.model.state is RequestState.PENDING:
        return False
    deciders = {request.decision.person.id, *(vote.person.id for vote in request.model.votes), *request.approved_before}
    return reader is None or reader.id in deciders


def of_reader(request: RequestView, reader: Person | None) -> Rating | None:
    """Return the rating of this person, or None."""
    return next((one for one in request.model.ratings if reader is not None and one.person.id == reader.id), None)


def facts(request: RequestView) -> Iterator[CardFact]:
    """Yield the ratings of a request, each with its comment."""
    for rating in request.model.ratings:
        yield CardFact(label=f"Rating by {line(rating.person.label)}", text=_written(rating))


def _written(rating: Rating) -> Phrase:
    comment = (f". {visible(rating.comment)}",) if rating.comment else ()
    return f"{rating.rating} of {HIGHEST}, ", rating.at, *comment


def given(rating: int) -> str:
    """Return the sentence about the reader's own rating."""
    return f"You rated this {rating} of {HIGHEST}."


def saved(rating: int) -> str:
    """Return the sentence for a person whose rating was saved."""
    return f"{given(rating)} You can change it later."
