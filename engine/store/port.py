"""The port of a store, and the transaction that a unit of work gets.

The outbox, the runner and the service depend on the port and name no database.

What differs between databases is in these modules of the store:

- `sqlite` (the writer), `sqlite_connection` (how a file is opened), `sqlite_errors`
- `dialect` (statements that each database writes in its own way); the conditions of indexes are in `tables` for SQLite,
  and for PostgreSQL in the migrations alone
- for a database that is a file: `schema` (its lock, backup and migrations), `lock`, `files`, `file_marks`,
  `file_watch`, `log_head`, `restored_backup`, and `health`, which the doctor uses
- for a database on a server: `postgres` and the modules whose names begin with it, and `server_marks`

All other modules are Core statements and plain functions over a `Tx`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from engine.audit import Entry
from engine.domain import Work
from engine.ports import Ids
from engine.store.connection import Connection
from engine.store.statements import Statement

T = TypeVar("T")
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

    def take_turn(self, key: str) -> None:
        """Wait until no other unit, of any process, has this turn; it ends with the transaction.

        For a unit that reads and then writes by what it read, where no condition of a statement can hold both together.
        Read after it: what was read before may have changed. A unit takes one turn; one that needs two takes them in
        the order in which every other unit does, so that units wait for each other and not in a circle.
        """
        self.connection.take_turn(key)

    def work_alone(self) -> None:
        """Go on only while no other unit, of any process, runs, so that nothing that was read can change.

        For rare changes that concern everything, such as the owner of an address. Call it before the first write.
        """
        self.connection.work_alone()

    def lock(self, statement: Statement, params: Mapping[str, Any]) -> None:
        """Keep the rows of a `SELECT … FOR UPDATE` as they are until this unit is committed.

        Everywhere a request is locked before its copies and its run: so units wait for each other, and not in a circle.
        """
        if self.connection.has_rivals:
            statement.all(self.connection, params)

    def one(self, statement: Statement, params: Mapping[str, Any]) -> Any | None:
        return statement.one(self.connection, params)

    def write(self, statement: Statement, params: Mapping[str, Any]) -> int:
        """Run a statement, and return the number of rows that it changed."""
        return statement.write(self.connection, params)


class Store(Protocol):
    """A database. `tests/contract/test_stores.py` holds every implementation to this.

    A unit is a plain function over a `Tx`. It may run more than once, so it touches nothing outside of its `Tx`, and
    it never waits. A store with one writer gives all units the same `Tx.memory`; any other store gives each unit an
    empty one, because another writer may change the rows.
    """

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        """Run `unit` in a transaction, and return its result once the transaction is durable.

        The unit's audit entries are sealed in the same transaction. An exception of the unit is raised here, and then
        nothing of the unit is saved. Raises `StoreError` if the database cannot be written. If the caller is cancelled
        while it waits, the unit may still be committed.
        """

    async def transact_with_retry(self, unit: Callable[[Tx], T]) -> T:
        """Do as `transact`, to record something that has happened already: try until it is recorded.

        `Conflict` and `StoreError` are tried again; raises `StoreError` only if the store is closed or lost.
        """

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on one snapshot, on a connection that cannot write. Raises `StoreError`."""

    def on_commit(self, listener: Callable[[Sequence[Work]], None]) -> None:
        """Call `listener`, too, in the event loop with the work of each commit, after the callers have their results.

        Calls come in the order of the commits. The listener only hears of work that is durable; it is a hint, because
        `Engine.due` finds all work that is ready.
        """


__all__ = ["Connection", "Memory", "Store", "Tx"]
