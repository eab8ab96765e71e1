"""Remembers what people last looked at, for surfaces that show it to them again without being asked."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from engine.domain import Address
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.view_tables import LastViewRow

_view = LastViewRow.__table__  # type: ignore[attr-defined]
_SAVE = Statement(Upsert(_view, key=["workspace", "address"], replaces=["shown"]))
_LOAD = Statement(
    select(_view.c.shown).where(_view.c.workspace == bindparam("of"), _view.c.address == bindparam("person"))
)


def save(tx: Tx, workspace: str, address: Address, shown: str) -> None:
    """Remember what the person with this address looks at now."""
    _SAVE.write(tx.connection, {"workspace": workspace, "address": str(address), "shown": shown})


def load(connection: Connection, workspace: str, address: Address) -> str | None:
    """Return what the person with this address last looked at, or None."""
    row = _LOAD.one(connection, {"of": workspace, "person": str(address)})
    return None if row is None else str(row.shown)
