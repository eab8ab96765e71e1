"""The requests that ask what to do about a step that failed: what they keep in their `details`, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from sqlalchemy import bindparam, select

from engine import json_values
from engine.domain import Params, RequestState, ReviewPoint
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.requests import Opening
from engine.runs import ReviewResult, Visit
from engine.store import edit_columns
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, RequestRow

_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_STATES = by_value(RequestState)
_ATTEMPT: Final = "attempt"
_EDITORS: Final = "edited_before"
_OF_VISIT = (
    _request.c.run == bindparam("run"),
    _request.c.step == bindparam("step"),
    _request.c.visit == bindparam("visit"),
    _request.c.at == ReviewPoint.FAILED.value,
)
_ANSWERS = Statement(
    select(_request.c.id, _request.c.state, _request.c.content, _request.c.digest, _request.c.details)
    .add_columns(_decision.c.edits, _decision.c.approved_digest, _decision.c.person, _decision.c.record)
    .select_from(_request.join(_decision, _decision.c.request == _request.c.id, isouter=True))
    .where(*_OF_VISIT)
)
_ASKED = Statement(select(_approver.c.person).where(_approver.c.request == bindparam("request")))
_TRIED_AGAIN = Statement(
    select(_request.c.id).where(
        _request.c.run == bindparam("run"),
        _request.c.step == bindparam("step"),
        _request.c.visit <= bindparam("visit"),
        _request.c.at == ReviewPoint.FAILED.value,
        _request.c.state == RequestState.APPROVED.value,
    )
)


def details(opening: Opening) -> dict[str, Value]:
    """Return the values for `details`; none for a request that has nothing to do with a failure."""
    written: dict[str, Value] = {}
    if opening.subject.is_failure:
        written[_ATTEMPT] = opening.attempt
    if opening.edited_before:
        written[_EDITORS] = list[Value](opening.edited_before)
    return written


def read_editors(details: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the people who changed the content before the request opened."""
    return tuple(details.get(_EDITORS, ()))


def read_attempt(details: Mapping[str, Any]) -> int:
    """Return the call about whose failure a request asks."""
    return int(details[_ATTEMPT])


def load_answer(connection: Connection, run: str, visit: Visit) -> ReviewResult | None:
    """Return the result of the request about the failure of the last call in this visit, or None if there is none."""
    row = _row(connection, run, visit)
    if row is None:
        return None
    content, edited_by = Params.from_value(json_values.loads(row.content)), None
    if row.edits is not None:
        content = Params(edit_columns.edited(content.value, row.edits), content.secrets, content.context)
        record = cast("dict[str, Any]", json_values.loads(row.record))
        edited_by = row.person, record["person"]["name"]
    digest = row.approved_digest or row.digest
    return ReviewResult(state=_STATES[row.state], content=content, digest=digest, edited_by=edited_by)


def _row(connection: Connection, run: str, visit: Visit) -> Any:
    rows = _ANSWERS.all(connection, {"run": run, "step": visit.step, "visit": visit.visit})
    return next((row for row in rows if _attempt(row) == visit.attempt), None)


def _attempt(row: Any) -> int:
    return read_attempt(cast("dict[str, Any]", json_values.loads(row.details)))


def load_asked_attempt(connection: Connection, run: str, visit: Visit) -> int:
    """Return the last call in this visit about whose failure people were asked; 0 if they never were."""
    rows = _ANSWERS.all(connection, {"run": run, "step": visit.step, "visit": visit.visit})
    return max(map(_attempt, rows), default=0)


def load_asked(connection: Connection, run: str, visit: Visit) -> list[str]:
    """Return the ids of the people who were asked about the failure of the last call in this visit."""
    row = _row(connection, run, visit)
    return [] if row is None else _ASKED.scalars(connection, {"request": row.id})


def load_tried_again(connection: Connection, run: str, visit: Visit) -> list[str]:
    """Return the requests in which people said to try this step again."""
    return _TRIED_AGAIN.scalars(connection, {"run": run, "step": visit.step, "visit": visit.visit})
