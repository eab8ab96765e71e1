"""A transaction as a unit of work sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable

from engine.audit import Entry
from engine.model import Work
from engine.ports import Ids
from engine.store.prepared import Prepared

Heads = dict[str, tuple[int, bytes]]
"""By workspace: number and hash."""


class Tx:
    """`now` is the time of the whole unit. `works` rings after the commit; `audit` is sealed before it.

    `heads`: the last entry of each workspace's chain, as far as units before this one in the transaction know it.
    """

    __slots__ = ("connection", "entries", "heads", "ids", "now", "works")

    def __init__(self, connection: Connection, *, now: datetime, ids: Ids, heads: Heads | None = None) -> None:
        self.connection, self.now, self.ids = connection, now, ids
        self.heads: Heads = {} if heads is None else heads
        self.works: list[Work] = []
        self.entries: dict[str, list[Entry]] = {}

    def new_id(self) -> str:
        return self.ids.new(self.now)

    def ring(self, work: Work) -> None:
        """A hint, given to the executor once this unit is committed."""
        self.works.append(work)

    def audit(self, workspace: str, entry: Entry) -> None:
        """Append to the workspace's chain when the unit ends."""
        self.entries.setdefault(workspace, []).append(entry)

    def one(self, statement: Prepared, params: Mapping[str, Any]) -> Any | None:
        return statement.one(self.connection, params)

    def write(self, statement: Prepared | Executable, params: Mapping[str, Any]) -> int:
        """Execute, and return the number of rows that it changed."""
        if isinstance(statement, Prepared):
            return statement.write(self.connection, params)
        return self.connection.execute(statement, params).rowcount


__all__ = ["Connection", "Heads", "Tx"]
