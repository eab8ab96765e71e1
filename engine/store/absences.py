"""The rows of absences. A person has at most one that has not ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, case, insert, null, select, update

from engine.domain import Absence, RequestState
from engine.requests.stand_ins import AWAY
from engine.store import people
from engine.store.connection import Connection
from engine.store.people_tables import AbsenceRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, RequestRow

_absence = AbsenceRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_KEY: Final = "absences"
DUE = (
    select(_absence.c.id)
    .where(_absence.c.moves_at.is_not(None), _absence.c.moves_at <= bindparam("now"))
    .order_by(_absence.c.moves_at)
    .limit(bindparam("limit"))
)
"""Absences that have begun, whose person still has requests to pass on."""

_NEW = Statement(insert(_absence))
_END = Statement(
    update(_absence)
    .where(_absence.c.person == bindparam("of"), _absence.c.ended_at.is_(None), _absence.c.ends_at > bindparam("now"))
    .values(
        ended_at=bindparam("now"),
        # What says that the person is away has to be corrected, if the absence had begun.
        moves_at=case(
            (_absence.c.starts_at <= bindparam("now"), bindparam("now", type_=_absence.c.moves_at.type)), else_=null()
        ),
        moved_up_to="",
    )
)
_OPEN = Statement(
    select(_absence)
    .where(
        _absence.c.workspace == bindparam("workspace"),
        _absence.c.ends_at > bindparam("now"),
        _absence.c.ended_at.is_(None),
    )
    .order_by(_absence.c.id)
)
_BY_ID = Statement(select(_absence).where(_absence.c.id == bindparam("id")))
_SET_MOVED = Statement(
    update(_absence)
    .where(_absence.c.id == bindparam("held"), _absence.c.ended_at.is_(None))
    .values(moves_at=bindparam("next"), moved_up_to=bindparam("up_to"))
)
_SET_CORRECTED = Statement(
    update(_absence)
    .where(_absence.c.id == bindparam("held"))
    .values(moves_at=bindparam("next"), moved_up_to=bindparam("up_to"))
)
_WITH_NOTES = Statement(
    select(_request.c.id, _request.c.details)
    .where(
        _request.c.workspace == bindparam("workspace"),
        _request.c.state == RequestState.PENDING.value,
        _request.c.id > bindparam("after"),
    )
    .order_by(_request.c.id)
    .limit(bindparam("most"))
)
_MOVE_PERSON = Statement(update(_absence).where(_absence.c.person == bindparam("of")).values(person=bindparam("into")))
_MOVE_DELEGATE = Statement(
    update(_absence).where(_absence.c.delegate == bindparam("of")).values(delegate=bindparam("into"))
)
_TO_MOVE = Statement(
    select(_approver.c.request)
    .join(_request, _request.c.id == _approver.c.request)
    .where(
        _approver.c.person == bindparam("of"),
        _approver.c.handed_to.is_(None),
        _request.c.state == RequestState.PENDING.value,
        _request.c.id > bindparam("after"),
    )
    .order_by(_approver.c.request)
    .limit(bindparam("most"))
)


def insert_absence(tx: Tx, workspace: str, absence: Absence, *, set_by: str) -> None:
    """Write an absence. What waits for the person is passed on when it begins."""
    tx.write(
        _NEW,
        {
            "id": absence.id,
            "workspace": workspace,
            "person": absence.person.id,
            "starts_at": absence.starts_at,
            "ends_at": absence.ends_at,
            "delegate": absence.delegate.id if absence.delegate is not None else None,
            "set_by": set_by,
            "set_at": tx.now,
            "moves_at": absence.starts_at,
            "moved_up_to": "",
        },
    )
    tx.memory.forget()


def end_absences(tx: Tx, person: str) -> bool:
    """End the absence of a person, also one that has not begun. Return whether there was one."""
    ended = tx.write(_END, {"of": person, "now": tx.now})
    tx.memory.forget()
    return bool(ended)


def load_current(tx: Tx, workspace: str) -> dict[str, Absence]:
    """Return the people who are away now, by id. A unit of work remembers all absences that have not ended."""
    known: tuple[Absence, ...] | None = tx.memory.get((_KEY, workspace))
    if known is None:
        known = load_open(tx.connection, workspace, tx.now)
        tx.memory.keep((_KEY, workspace), known)
    return {absence.person.id: absence for absence in known if absence.covers(tx.now)}


def load_open(connection: Connection, workspace: str, now: datetime) -> tuple[Absence, ...]:
    """Return the absences that have not ended, with those that have not begun, the oldest first."""
    return tuple(_read(connection, _OPEN.all(connection, {"workspace": workspace, "now": now})))


def load_absence(connection: Connection, absence: str) -> tuple[Absence, str, str] | None:
    """Return an absence whose requests have to be passed on, its workspace, and the last request of those that were."""
    row = _BY_ID.one(connection, {"id": absence})
    if row is None or row.moves_at is None or row.ended_at is not None:
        return None
    (read,) = _read(connection, [row])
    return read, row.workspace, row.moved_up_to


def load_ended(connection: Connection, absence: str) -> tuple[Absence, str, str] | None:
    """Return an absence that ended early, its workspace, and the last request whose notes were corrected since.

    None if there is nothing to correct.
    """
    row = _BY_ID.one(connection, {"id": absence})
    if row is None or row.moves_at is None or row.ended_at is None:
        return None
    (read,) = _read(connection, [row])
    return read, row.workspace, row.moved_up_to


def load_with_notes(connection: Connection, workspace: str, *, after: str, most: int) -> list[tuple[str, bool]]:
    """Return the next open requests, each with whether a note on it may say that a person is away."""
    rows = _WITH_NOTES.all(connection, {"workspace": workspace, "after": after, "most": most})
    return [(row.id, AWAY in row.details) for row in rows]


def set_corrected(tx: Tx, absence: str, *, up_to: str, next_at: datetime | None) -> None:
    """Write how far the notes about an absence that ended early were corrected, and when this goes on."""
    tx.write(_SET_CORRECTED, {"held": absence, "next": next_at, "up_to": up_to})


def _read(connection: Connection, rows: Sequence[Any]) -> list[Absence]:
    persons = people.load_people(connection, [one for row in rows for one in (row.person, row.delegate) if one])
    return [
        Absence(
            id=row.id,
            person=persons[row.person],
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            delegate=persons[row.delegate] if row.delegate is not None else None,
        )
        for row in rows
    ]


def move_absences(tx: Tx, person: str, *, into: str) -> None:
    """Let the absences of a person, and those in which they stand in, be those of the person that they are now."""
    for statement in (_MOVE_PERSON, _MOVE_DELEGATE):
        tx.write(statement, {"of": person, "into": into})
    tx.memory.forget()


def load_to_move(connection: Connection, person: str, *, after: str, most: int) -> list[str]:
    """Return the ids of some open requests in which a person has a place, the oldest first, after the id `after`."""
    return list(_TO_MOVE.scalars(connection, {"of": person, "after": after, "most": most}))


def set_moved(tx: Tx, absence: str, *, up_to: str, next_at: datetime | None) -> None:
    """Write how far the requests of an absence were passed on, and when it is looked at again, unless it was ended."""
    tx.write(_SET_MOVED, {"held": absence, "next": next_at, "up_to": up_to})
