"""The notes on an open request that come after its opening."""

from __future__ import annotations

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


def try_add(tx: Tx, request: Request, note: str) -> bool:
    """Add a note. Return False if the request has it already, or as many as it can have.

    Raises `Conflict` if the request has changed since it was loaded.
    """
    (stored,) = _DETAILS.scalars(tx.connection, {"id": request.id})
    details = cast("dict[str, Value]", json_values.loads(stored))
    notes = cast("list[Value]", details.get("notes", []))
    added = clip(note, NOTE_LENGTH)
    if added in notes or len(notes) >= MAX_NOTES:
        return False
    if not request_rows.try_touch(tx, request):
        raise Conflict(f"request {request.id} changed meanwhile")
    new_details = json_values.dumps({**details, "notes": [*notes, added]})
    tx.write(_SET_DETAILS, {"held": request.id, "new_details": new_details})
    return True
