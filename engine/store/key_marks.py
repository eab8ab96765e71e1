"""The fingerprint of the key that the servers of a database have: all need the same, and none tells it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select, update

from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import WorkspaceRow

_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]
_NOTED: Final = Statement(select(_workspace.c.key_fingerprint).where(_workspace.c.id == bindparam("noted_in")))
_NOTE: Final = Statement(
    update(_workspace).where(_workspace.c.id == bindparam("noted_in")).values(key_fingerprint=bindparam("fingerprint"))
)


def note(tx: Tx, workspace: str, fingerprint: str) -> str | None:
    """Note the fingerprint of the key of a server that starts, and return the one that was noted before."""
    row = _NOTED.one(tx.connection, {"noted_in": workspace})
    before: str | None = None if row is None else row.key_fingerprint
    if before != fingerprint:
        _NOTE.write(tx.connection, {"noted_in": workspace, "fingerprint": fingerprint})
    return before
