"""Ratings and comments of those who decided. `details` of a request says whether it asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import bindparam, func, select

from engine.domain import Person
from engine.requests import Rating
from engine.store import people
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.people_tables import PersonRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import DecisionRow, RatingRow

_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_rating = RatingRow.__table__  # type: ignore[attr-defined]

ASKED: Final = "feedback"
"""Key in `details` of a request that asks for ratings. Requests without it are read without a look-up; false: its
contents were erased, and it asks for none any more."""

_OF_REQUEST = Statement(
    select(func.coalesce(_person.c.joined_into, _rating.c.person).label("person"))
    .add_columns(_rating.c.rating, _rating.c.comment, _rating.c.rated_at)
    .select_from(_rating.join(_person, _person.c.id == _rating.c.person))
    .where(_rating.c.request == bindparam("request"))
    .order_by(_rating.c.rated_at, _rating.c.person)
)
_DECIDERS = Statement(
    select(func.coalesce(_person.c.joined_into, _decision.c.person).label("person"))
    .select_from(_decision.join(_person, _person.c.id == _decision.c.person))
    .where(_decision.c.request == bindparam("request"))
)
_SAVE = Statement(Upsert(_rating, key=("request", "person"), replaces=("rating", "comment", "rated_at")))


def load_ratings(connection: Connection, request: str, persons: Mapping[str, Person]) -> tuple[Rating, ...]:
    """Return the ratings of a request, the oldest first. `persons`: people who were loaded already."""
    rows = _OF_REQUEST.all(connection, {"request": request})
    missing = [row.person for row in rows if row.person not in persons]
    known = {**persons, **(people.load_people(connection, missing) if missing else {})}
    # Two persons who rated may have turned out to be one human: the newer rating counts.
    newest = {row.person: row for row in rows}
    return tuple(Rating(known[row.person], row.rating, row.comment, row.rated_at) for row in newest.values())


def load_deciders(connection: Connection, request: str) -> frozenset[str]:
    """Return the ids of the people who decided a request, or approved it while others were missing."""
    return frozenset(_DECIDERS.scalars(connection, {"request": request}))


def save(tx: Tx, request: str, person: str, rating: int, comment: str | None) -> None:
    """Write the rating of a person, in the place of their earlier one."""
    tx.write(_SAVE, {"request": request, "person": person, "rating": rating, "comment": comment, "rated_at": tx.now})
