"""The transaction that a unit of work gets."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from typing import Any, Final

from engine.audit import Entry
from engine.domain import Work
from engine.ports import Ids
from engine.store.connection import Connection
from engine.store.statements import Statement

_REMEMBERED: Final = 4096


class Memory:
    """A cache of people and workflows: each start, each gate and each decision needs the same few.

    Valid only while one process writes the database. A write to a cached row clears it, and so does a store that rolls
    back. Absent rows are not cached.
    """

    __slots__ = ("_known", "get")

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}
        self.get: Callable[[Hashable], Any | None] = self._known.get

    def keep(self, key: Hashable, value: object) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = value

    def forget(self) -> None:
        self._known.clear()


class Tx:
    """A transaction. `now` is the time of the unit; `entries` are sealed before, `works` announced after the commit."""

    __slots__ = ("connection", "entries", "ids", "memory", "now", "works")

    def __init__(self, connection: Connection, *, now: datetime, ids: Ids, memory: Memory | None = None) -> None:
        self.connection, self.now, self.ids = connection, now, ids
        self.memory = memory or Memory()
        self.works: list[Work] = []
        self.entries: dict[str, list[Entry]] = {}

    def new_id(self) -> str:
        return self.ids.new(self.now)

    def enqueue(self, work: Work) -> None:
        """Announce work to the executor after this unit is committed."""
        self.works.append(work)

    def audit(self, workspace: str, entry: Entry) -> None:
        """Append an entry to the workspace's chain before the unit is committed."""
        self.entries.setdefault(workspace, []).append(entry)

    def one(self, statement: Statement, params: Mapping[str, Any]) -> Any | None:
        return statement.one(self.connection, params)

    def write(self, statement: Statement, params: Mapping[str, Any]) -> int:
        """Run a statement, and return the number of rows that it changed."""
        return statement.write(self.connection, params)


__all__ = ["Connection", "Memory", "Tx"]
