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


class Tx:
    """`now` is the time of the whole unit. `works` rings after the commit; `entries` are sealed before it."""

    __slots__ = ("connection", "entries", "ids", "now", "works")

    def __init__(self, connection: Connection, *, now: datetime, ids: Ids) -> None:
        self.connection, self.now, self.ids = connection, now, ids
        self.works: list[Work] = []
        self.entries: dict[str, list[Entry]] = {}

    def new_id(self) -> str:
        return self.ids.new(self.now)

    def ring(self, work: Work) -> None:
        """A hint, given to the executor once this unit is committed."""
        self.works.append(work)

    def audit(self, workspace: str, entry: Entry) -> None:
        """Append to the workspace's chain before the unit is committed."""
        self.entries.setdefault(workspace, []).append(entry)

    def one(self, statement: Prepared, params: Mapping[str, Any]) -> Any | None:
        return statement.one(self.connection, params)

    def write(self, statement: Prepared | Executable, params: Mapping[str, Any]) -> int:
        """Execute, and return the number of rows that it changed."""
        if isinstance(statement, Prepared):
            return statement.write(self.connection, params)
        return self.connection.execute(statement, params).rowcount


__all__ = ["Connection", "Tx"]
