"""Approvals that can be undone, and those that were: `hold` in the `details` of a request, and who undid it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, cast

from sqlalchemy import bindparam, func, insert, literal_column, or_, select, update

from engine import json_values
from engine.domain import Person, RequestState, StepStatus
from engine.json_values import Path, Value
from engine.requests import Opening, Request, Undoing
from engine.store import edit_columns, failure_requests, people
from engine.store.connection import Connection
from engine.store.people_tables import PersonRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import DecisionRow, RequestRow, RunRow, StepRunRow, UndoRow

_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_undo = UndoRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]

HOLD: Final = "hold"
"""Key in `details` of a request whose approval can be undone. Requests without it are read without a look-up."""
AGAIN: Final = "again"
"""Key in `details` of a request that asks the same again: the request whose approval was undone."""
_WAITS: Final = (StepStatus.IN_REVIEW, StepStatus.OUTPUT_IN_REVIEW, StepStatus.HELD)
"""Statuses of a step after its approval, until the run goes on with it."""
_ONE: Final[Any] = literal_column("1")

_UNDO = Statement(
    update(_request)
    .where(
        _request.c.id == bindparam("held"),
        _request.c.rev == bindparam("seen_rev"),
        _request.c.state == RequestState.APPROVED.value,
    )
    # Who decided it, and when, stays as it was.
    .values(state=RequestState.UNDONE.value, rev=_request.c.rev + _ONE)
)
_WAKE = Statement(
    update(_run)
    .where(
        _run.c.id == bindparam("held"),
        _run.c.rev == bindparam("seen_rev"),
        _run.c.ended_at.is_(None),
        _run.c.cancel.is_(None),
    )
    # Another unit that loaded the run before has to load it again.
    .values(rev=_run.c.rev + _ONE, wakes=_run.c.wakes + _ONE, ready_at=bindparam("now"))
)
_NEW_UNDO = Statement(insert(_undo))
_OF_REQUEST = Statement(
    select(func.coalesce(_person.c.joined_into, _undo.c.person).label("person"), _undo.c.undone_at)
    .select_from(_undo.join(_person, _person.c.id == _undo.c.person))
    .where(_undo.c.request == bindparam("request"))
)
_DETAILS = Statement(select(_request.c.details).where(_request.c.id == bindparam("request")))
_APPROVED_BY = Statement(
    select(func.coalesce(_person.c.joined_into, _decision.c.person).label("person"))
    .select_from(_decision.join(_person, _person.c.id == _decision.c.person))
    .where(
        _decision.c.request == bindparam("request"),
        _decision.c.content_version == bindparam("version"),
        _decision.c.verdict == RequestState.APPROVED.value,
    )
    .order_by(_decision.c.id)
)
_EDITS = Statement(
    select(_decision.c.edits).where(
        _decision.c.request == bindparam("request"),
        _decision.c.content_version == bindparam("version"),
        _decision.c.verdict == RequestState.APPROVED.value,
        _decision.c.edits.is_not(None),
    )
)
_HELD = Statement(
    select(_run.c.id)
    .select_from(_run.join(_visit, (_visit.c.run == _run.c.id) & (_visit.c.position == _run.c.cursor)))
    .where(
        _run.c.id == bindparam("run"),
        _run.c.ended_at.is_(None),
        _run.c.cancel.is_(None),
        _visit.c.step == bindparam("step"),
        _visit.c.visit == bindparam("visit"),
        or_(*(_visit.c.status == status.value for status in _WAITS)),
    )
)


def details(opening: Opening) -> dict[str, Value]:
    """Return the values for `details`; none for a gate without `hold`."""
    again: dict[str, Value] = {AGAIN: opening.again} if opening.again is not None else {}
    return again if opening.hold is None else {**again, HOLD: opening.hold // timedelta(microseconds=1)}


def read_hold(details: Mapping[str, Any]) -> timedelta | None:
    """Return what `details` wrote."""
    return timedelta(microseconds=details[HOLD]) if HOLD in details else None


def load(connection: Connection, request: str) -> Undoing:
    """Return who undid the approval of a request that was undone."""
    row = _OF_REQUEST.one(connection, {"request": request})
    assert row is not None
    return Undoing(people.load_people(connection, [row.person])[row.person], row.undone_at)


def load_editors(connection: Connection, request: str) -> tuple[str, ...]:
    """Return the ids of the people who changed the content of a request before it opened."""
    (details,) = _DETAILS.scalars(connection, {"request": request})
    return failure_requests.read_editors(cast("dict[str, Any]", json_values.loads(details)))


def load_approved_by(connection: Connection, request: Request) -> Sequence[str]:
    """Return the ids of the people whose approval counted, the oldest first. Who joined counts as one person."""
    found = {"request": request.id, "version": request.content_version}
    return [*dict.fromkeys(_APPROVED_BY.scalars(connection, found))]


def load_edited_paths(connection: Connection, request: Request) -> list[Path]:
    """Return the places that people changed as they approved a request."""
    found = {"request": request.id, "version": request.content_version}
    return [path for edits in _EDITS.scalars(connection, found) for path in edit_columns.read(edits)]


def is_held(connection: Connection, request: Request) -> bool:
    """Return whether the run has not gone on with what was approved, so that it can be undone."""
    if request.hold_ends_at is None:
        return False
    subject = request.subject
    at = {"run": subject.run, "step": subject.step, "visit": subject.visit}
    return _HELD.one(connection, at) is not None


def try_undo(tx: Tx, request: Request, person: Person, *, run_rev: int) -> bool:
    """Write that a person took the approval back, and wake the run.

    Return False if the request or the run has changed since it was loaded, or the run is cancelled. `run_rev`: of the
    run, as it was loaded.
    """
    if not tx.write(_UNDO, {"held": request.id, "seen_rev": request.rev}):
        return False
    if not tx.write(_WAKE, {"held": request.subject.run, "seen_rev": run_rev, "now": tx.now}):
        return False
    tx.write(_NEW_UNDO, {"request": request.id, "person": person.id, "undone_at": tx.now})
    return True
