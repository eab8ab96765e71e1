"""Channels that rest because an operator has to fix them, for all processes on the database."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import bindparam, delete, select

from engine.store.connection import Connection
from engine.store.coordination_tables import ChannelRestRow
from engine.store.dialect import Upsert
from engine.store.port import Tx
from engine.store.statements import Statement

_rest = ChannelRestRow.__table__  # type: ignore[attr-defined]
_ALL: Final = Statement(select(_rest.c.workspace, _rest.c.channel, _rest.c.failures, _rest.c.until))
_ONE: Final = Statement(
    select(_rest.c.failures, _rest.c.until).where(
        _rest.c.workspace == bindparam("of_workspace"), _rest.c.channel == bindparam("of_channel")
    )
)
_SAVE: Final = Statement(Upsert(_rest, key=("workspace", "channel"), replaces=("failures", "until")))
_END: Final = Statement(
    delete(_rest).where(_rest.c.workspace == bindparam("of_workspace"), _rest.c.channel == bindparam("of_channel"))
)


class ChannelRest(Struct, frozen=True):
    """Nothing is tried on a channel before `until`, after so many `failures` in a row."""

    failures: int
    until: datetime


def load_all(connection: Connection) -> dict[tuple[str, str], ChannelRest]:
    """Return every rest, by workspace and channel."""
    rows = _ALL.all(connection, {})
    return {(row.workspace, row.channel): ChannelRest(row.failures, row.until) for row in rows}


def load(connection: Connection, workspace: str, channel: str) -> ChannelRest | None:
    """Return the rest of a channel, which may be over, or None if its last copy got through."""
    row = _ONE.one(connection, {"of_workspace": workspace, "of_channel": channel})
    return None if row is None else ChannelRest(row.failures, row.until)


def save(tx: Tx, workspace: str, channel: str, rest: ChannelRest) -> None:
    """Write the rest of a channel."""
    row = {"workspace": workspace, "channel": channel, "failures": rest.failures, "until": rest.until}
    tx.write(_SAVE, row)


def end(tx: Tx, workspace: str, channel: str) -> None:
    """Delete the rest of a channel, because a copy got through."""
    tx.write(_END, {"of_workspace": workspace, "of_channel": channel})
