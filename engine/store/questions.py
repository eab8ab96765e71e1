"""The questions of approvers, and their answers. `details` of a request says whether it has some."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from engine.domain import Person, QuestionRule
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.requests import Question
from engine.store import people
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import QuestionRow
from engine.workflowfile.workflow import QUESTIONS

_question = QuestionRow.__table__  # type: ignore[attr-defined]

HAS_SOME: Final = "has_questions"
"""Key in `details` of a request about which a question was asked. Requests without it are read without a look-up."""
PAUSED_AT: Final = "paused_at"
"""Key in `details` of a request whose deadlines stand still: since when."""

_OF_REQUEST = Statement(select(_question).where(_question.c.request == bindparam("request")).order_by(_question.c.id))

_SIDES = {"questions": _question.c.asked_to, "asked": _question.c.asked_by}
OPEN_OF_PERSON: Final = {
    name: Statement(select(_question.c.id).where(side == bindparam("of"), _question.c.answered_at.is_(None)))
    for name, side in _SIDES.items()
}
"""Selects the open questions to a person, and those that they asked."""
MOVES: Final = {
    name: Statement(
        update(_question)
        .where(_question.c.id == bindparam("held"), side == bindparam("of"))
        .values({side: bindparam("into")})
    )
    for name, side in _SIDES.items()
}
"""Lets another person have a question, because both are one human."""


def load_questions(connection: Connection, request: str, persons: Mapping[str, Person]) -> tuple[Question, ...]:
    """Return the questions about a request, the oldest first. `persons`: people who were loaded already."""
    rows = _OF_REQUEST.all(connection, {"request": request})
    named = {person for row in rows for person in (row.asked_by, row.asked_to, row.answered_by) if person is not None}
    missing = sorted(named - persons.keys())
    known = {**persons, **(people.load_people(connection, missing) if missing else {})}
    return tuple(_read(row, known) for row in rows)


def _read(row: Any, persons: Mapping[str, Person]) -> Question:
    return Question(
        id=row.id,
        asked_by=persons[row.asked_by],
        asked_to=persons[row.asked_to],
        text=row.text,
        asked_at=row.asked_at,
        answer=row.answer,
        answered_by=persons[row.answered_by] if row.answered_by is not None else None,
        answered_at=row.answered_at,
    )


def rule_details(rule: QuestionRule) -> dict[str, Value]:
    """Return the values for `details`: most gates do not say whether people may ask, which is not written."""
    return {} if rule is QUESTIONS else {"questions": rule}


def read_rule(details: Mapping[str, Any]) -> QuestionRule:
    """Return the rule that `rule_details` wrote."""
    return _RULES[details["questions"]] if "questions" in details else QUESTIONS


_RULES: Final = by_value(QuestionRule)


def read_pause(details: Mapping[str, Any]) -> datetime | None:
    """Return since when the deadlines stand still, or None."""
    stored = details.get(PAUSED_AT)
    return None if stored is None else datetime.fromisoformat(stored)
