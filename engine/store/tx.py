"""A transaction as a unit of work sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, Row

from engine.audit import Entry
from engine.model import Work
from engine.ports import Ids


class Tx:
    """`now` is the time of the whole unit. `works` rings after the commit; `audit` is sealed before it."""

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
        """Append to the workspace's chain when the unit ends."""
        self.entries.setdefault(workspace, []).append(entry)

    def one(self, statement: Executable, params: Mapping[str, Any] | None = None) -> Row[Any] | None:
        return self.connection.execute(statement, params).first()

    def all(self, statement: Executable, params: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        return self.connection.execute(statement, params).all()

    def write(self, statement: Executable, params: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Execute, and return the number of rows that it changed."""
        return self.connection.execute(statement, params).rowcount


__all__ = ["Connection", "Tx"]
