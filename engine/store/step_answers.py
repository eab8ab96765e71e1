"""The answers that people gave about steps of unknown outcome."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, insert, select

from engine.domain import ResumeAnswer
from engine.read_models import StepAnswer
from engine.store import people
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import StepAnswerRow

_answer = StepAnswerRow.__table__  # type: ignore[attr-defined]
_NEW = Statement(insert(_answer))
_OF_RUN = Statement(select(_answer).where(_answer.c.run == bindparam("run")).order_by(_answer.c.answered_at))

Call = tuple[str, int]
"""The step and its visit."""


def insert_answer(tx: Tx, *, run: str, call: Call, attempt: int, answer: ResumeAnswer, person: str, how: str) -> None:
    """Record a person's answer about a call. `how`: the assurance of that person."""
    step, visit = call
    facts = {"run": run, "step": step, "visit": visit, "attempt": attempt, "answer": answer.value}
    tx.write(_NEW, {**facts, "person": person, "assurance": how, "answered_at": tx.now})


def load_answers(connection: Connection, run: str) -> Mapping[Call, tuple[StepAnswer, ...]]:
    """Return the answers that people gave about the calls of a run, by call."""
    rows = _OF_RUN.all(connection, {"run": run})
    persons = people.load_people(connection, {row.person for row in rows})
    answers: dict[Call, tuple[StepAnswer, ...]] = {}
    for row in rows:
        answer = StepAnswer(
            answer=ResumeAnswer(row.answer),
            person=persons[row.person],
            assurance=row.assurance,
            attempt=row.attempt,
            at=row.answered_at,
        )
        answers[row.step, row.visit] = (*answers.get((row.step, row.visit), ()), answer)
    return answers
