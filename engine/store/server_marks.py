"""Notices that a PostgreSQL database lacks its latest events: a restored dump, a recovery, a failover that lost some.

The database notes where it is: its cluster, the timeline of the cluster, and the numbers of the database and of one of
its tables. A dump that is loaded has other numbers; a recovery and a failover begin a new timeline. After a failover
that lost nothing, a process that saw the last entries of the log finds them again, and notes the new timeline. A copy
of all files of a server cannot be told from the server itself.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import asyncpg
from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncEngine

from engine.domain import DEFAULT_WORKSPACE
from engine.errors import StoreReadOnly, StoreRestored
from engine.store import restored_backup
from engine.store.port import Store, Tx
from engine.store.postgres_errors import translated
from engine.store.restored_backup import ASKED, RestoreSuspicion
from engine.store.statements import Statement
from engine.store.tables import WorkspaceRow

log = logging.getLogger(__name__)

_MARKS: Final = (
    ("cluster", "SELECT system_identifier::text FROM pg_control_system()"),
    ("timeline", "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"),
    ("database", "SELECT oid::text FROM pg_database WHERE datname = current_database()"),
    ("table", "SELECT 'audit'::regclass::oid::text"),
)
"""What tells a database from another with the same content, and the query for it. Some hosts forbid some of them."""
_FORBIDDEN: Final = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.UndefinedFunctionError,
    asyncpg.ObjectNotInPrerequisiteStateError,
)
_PRIMARY: Final = "Wait for it, or set SIGNOFF_DATABASE_URL to the primary server."
_UNKNOWN: Final = "-"
_LOST: Final = "lost"
"""Instead of marks: a process has seen an entry that is not there any more."""
_NOTED: Final = "SELECT marks FROM workspace WHERE id = $1"
_NOTE: Final = "UPDATE workspace SET marks = $2 WHERE id = $1 AND marks IS NOT DISTINCT FROM $3"
_MARK: Final = "UPDATE workspace SET marks = $2 WHERE id = $1"
_HASH: Final = "SELECT hash FROM audit WHERE workspace = $1 AND seq = $2"
_HEAD: Final = "SELECT seq, hash FROM audit WHERE workspace = $1 ORDER BY seq DESC LIMIT 1"
_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]
_WRITE: Final = Statement(
    update(_workspace).where(_workspace.c.id == bindparam("workspace")).values(marks=bindparam("marks"))
)

Driver: TypeAlias = "asyncpg.Connection[Any]"
Head = tuple[int, bytes]
"""The number and the hash of an entry."""


async def read(driver: Driver) -> str:
    """Return the marks of the database that a connection is in. The connection is in no transaction."""
    marks = []
    for name, query in _MARKS:
        mark = None
        with contextlib.suppress(*_FORBIDDEN):
            mark = await driver.fetchval(query)
        marks.append(f"{name}={mark or _UNKNOWN}")
    return " ".join(marks)


def find_suspicion(noted: str | None, present: str) -> RestoreSuspicion | None:
    """Return why a database with these marks may lack its latest events, or None."""
    if noted is None:
        return None
    kind, _, entry = noted.partition("=")
    if kind == _LOST:
        return RestoreSuspicion(why=f"A process saw entry {entry} of its audit log, which is not there.", noted=noted)
    before, now = _parse(noted), _parse(present)
    changed = [name for name, _ in _MARKS if name in before and name in now and before[name] != now[name]]
    if not changed:
        return None
    if changed == ["timeline"]:
        return RestoreSuspicion(why="Its server was recovered, or a standby has taken over.", noted=noted)
    return RestoreSuspicion(why="It was restored from a dump, or copied from another database.", noted=noted)


async def inspect(driver: Driver) -> RestoreSuspicion | None:
    """Return why the database of a connection may lack its latest events, or None, without changing anything."""
    return find_suspicion(await driver.fetchval(_NOTED, DEFAULT_WORKSPACE), await read(driver))


def _parse(marks: str) -> dict[str, str]:
    """Return the marks that are known, by their names."""
    pairs = (mark.split("=", 1) for mark in marks.split(" "))
    return {name: mark for name, mark in pairs if mark != _UNKNOWN}


class Continuity:
    """Holds what a process saw last against each database that it connects to."""

    def __init__(self, *, place: str, marks: str, noted: str | None, head: Head | None) -> None:
        self.marks = marks
        self._place, self._noted, self._head = place, noted, head
        self.suspicion = find_suspicion(noted, marks)

    @classmethod
    async def begin(cls, engine: AsyncEngine, place: str) -> Continuity:
        """Read the database that is being opened. Raises `StoreError`, also for a standby."""
        with translated(place):
            async with engine.connect() as connection:
                raw = await connection.get_raw_connection()
                driver: Any = raw.driver_connection
                if await driver.fetchval("SELECT pg_is_in_recovery()"):
                    raise StoreReadOnly(f"The database {place} is a standby, or is being recovered. {_PRIMARY}")
                row = await driver.fetchrow(_HEAD, DEFAULT_WORKSPACE)
                noted = await driver.fetchval(_NOTED, DEFAULT_WORKSPACE)
                head = None if row is None else (row["seq"], bytes(row["hash"]))
                return cls(place=place, marks=await read(driver), noted=noted, head=head)

    def saw(self, heads: Mapping[str, Head]) -> None:
        """Remember the last entries of the chains, which a commit made durable."""
        self._head = heads.get(DEFAULT_WORKSPACE, self._head)

    def accept(self) -> None:
        """Go on with the database: the operator has confirmed it, and its marks are noted."""
        self.suspicion, self._noted = None, self.marks

    def refuse(self) -> None:
        """Raise `StoreRestored` if the database may lack its latest events."""
        if self.suspicion is not None:
            raise StoreRestored(f"The database {self._place} may be an older copy. {self.suspicion.why} {ASKED}")

    async def check(self, driver: Driver) -> None:
        """Check a new connection: what this process saw last must be there. Raises `StoreRestored` if it is not."""
        if self._head is None:
            return
        seq, seen = self._head  # another connection may commit more entries while this one asks
        digest = await driver.fetchval(_HASH, DEFAULT_WORKSPACE, seq)
        if digest is None or bytes(digest) != seen:
            await self._mark_lost(driver, seq)

    async def check_and_note(self, driver: Driver) -> None:
        """Check a new connection, and note where the database is if nothing is missing."""
        await self.check(driver)
        if self.suspicion is None:
            await self._note(driver)

    async def _mark_lost(self, driver: Driver, seq: int) -> None:
        """Keep every process from starting on the database until an operator confirms it. Raises `StoreRestored`."""
        if self.suspicion is None:  # once: an operator may have confirmed it meanwhile, in another process
            lost = f"{_LOST}={seq}"
            await driver.execute(_MARK, DEFAULT_WORKSPACE, lost)
            self.suspicion = find_suspicion(lost, self.marks)
        self.refuse()

    async def _note(self, driver: Driver) -> None:
        """Note where the database is, unless another process has noted something since."""
        marks = await read(driver)
        if self._noted is not None:
            if find_suspicion(self._noted, marks) is None:
                return
            log.warning("the database %s is elsewhere now, and lacks nothing that was seen (%s)", self._place, marks)
        await driver.execute(_NOTE, DEFAULT_WORKSPACE, marks, self._noted)
        self._noted = self.marks = marks


async def confirm(store: Store, continuity: Continuity, *, by: str) -> None:
    """Record that a database which may lack its latest events is used as it is, if it is one."""
    if (suspicion := continuity.suspicion) is None:
        return

    def unit(tx: Tx) -> None:
        restored_backup.record(tx, suspicion, by=by)
        tx.write(_WRITE, {"workspace": DEFAULT_WORKSPACE, "marks": continuity.marks})

    await store.transact(unit)
    continuity.accept()
