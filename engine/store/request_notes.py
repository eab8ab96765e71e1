"""The notes on an open request that come after its opening."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from sqlalchemy import bindparam, select, update

from engine import json_values
from engine.errors import Conflict
from engine.json_values import Value
from engine.requests import MAX_NOTES, NOTE_LENGTH, Request, clip
from engine.store import request_rows
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RequestRow

_request = RequestRow.__table__  # type: ignore[attr-defined]
_DETAILS = Statement(select(_request.c.details).where(_request.c.id == bindparam("id")))
_SET_DETAILS = Statement(
    update(_request).where(_request.c.id == bindparam("held")).values(details=bindparam("new_details"))
)


def try_update(tx: Tx, request: Request, change: Callable[[str], str]) -> bool:
    """Change each note; one that becomes empty goes. Return False if all stay as they are.

    Raises `Conflict` if the request has changed since it was loaded.
    """
    details, notes = _load(tx, request)
    changed = [text for note in notes if (text := change(note))]
    if changed == notes:
        return False
    _save(tx, request, details, changed)
    return True


def try_add(tx: Tx, request: Request, note: str) -> bool:
    """Add a note. Return False if the request has it already, or as many as it can have.

    Raises `Conflict` if the request has changed since it was loaded.
    """
    details, notes = _load(tx, request)
    added = clip(note, NOTE_LENGTH)
    if added in notes or len(notes) >= MAX_NOTES:
        return False
    _save(tx, request, details, [*notes, added])
    return True


def _load(tx: Tx, request: Request) -> tuple[dict[str, Value], list[str]]:
    (stored,) = _DETAILS.scalars(tx.connection, {"id": request.id})
    details = cast("dict[str, Value]", json_values.loads(stored))
    return details, cast("list[str]", details.get("notes", []))


def _save(tx: Tx, request: Request, details: dict[str, Value], notes: list[str]) -> None:
    if not request_rows.try_touch(tx, request):
        raise Conflict(f"request {request.id} changed meanwhile")
    new_details = json_values.dumps({**details, "notes": [*notes]})
    tx.write(_SET_DETAILS, {"held": request.id, "new_details": new_details})
