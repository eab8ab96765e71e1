"""Writing questions and answers: one conditional update of the request, so that a decision is never lost."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace
from sqlalchemy import bindparam, insert, select, update

from engine import json_values, timestamps
from engine.json_values import Value
from engine.requests import Deadlines, Question, Request
from engine.store import request_rows
from engine.store.port import Tx
from engine.store.questions import HAS_SOME, PAUSED_AT
from engine.store.statements import Statement
from engine.store.tables import QuestionRow, RequestRow

_question = QuestionRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]

_NEW = Statement(insert(_question))
_ANSWER = Statement(
    update(_question)
    .where(_question.c.id == bindparam("held"), _question.c.answered_at.is_(None))
    .values(answer=bindparam("new_answer"), answered_by=bindparam("by"), answered_at=bindparam("now"))
)
_DETAILS = Statement(select(_request.c.details).where(_request.c.id == bindparam("id")))
_SET_DETAILS = Statement(
    update(_request).where(_request.c.id == bindparam("held")).values(details=bindparam("new_details"))
)


def try_ask(tx: Tx, request: Request, question: Question, deadlines: Deadlines) -> bool:
    """Write a question, and the deadlines after it. Return False if the request has changed since it was loaded."""
    if not request_rows.try_touch(tx, request):
        return False
    tx.write(
        _NEW,
        {
            "id": question.id,
            "request": request.id,
            "asked_by": question.asked_by.id,
            "asked_to": question.asked_to.id,
            "text": question.text,
            "asked_at": question.asked_at,
            "answer": None,
            "answered_by": None,
            "answered_at": None,
        },
    )
    _save_details(tx, request, deadlines)
    return True


def try_answer(tx: Tx, request: Request, question: Question, deadlines: Deadlines) -> bool:
    """Write an answer. Return False if the request has changed since it was loaded, or the question has an answer."""
    if not request_rows.try_touch(tx, request):
        return False
    assert question.answered_by is not None
    answered = {"held": question.id, "new_answer": question.answer, "by": question.answered_by.id, "now": tx.now}
    if not tx.write(_ANSWER, answered):
        return False
    _save_details(tx, request, deadlines)
    return True


def _save_details(tx: Tx, request: Request, deadlines: Deadlines) -> None:
    """Write that there are questions, and the deadlines if they move. The row was locked by raising its `rev`."""
    stored = _DETAILS.scalars(tx.connection, {"id": request.id})[0]
    details = cast("dict[str, Value]", json_values.loads(stored))
    details[HAS_SOME] = True
    details.pop(PAUSED_AT, None)
    if deadlines.paused_at is not None:
        details[PAUSED_AT] = timestamps.exact(deadlines.paused_at)
    new_details = json_values.dumps(details)
    if new_details != stored:
        tx.write(_SET_DETAILS, {"held": request.id, "new_details": new_details})
    if deadlines != request.deadlines:
        request_rows.try_set_deadlines(tx, replace(request, rev=request.rev + 1), deadlines)
