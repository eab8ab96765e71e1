"""The floor: what one lifecycle writes, replayed by bare `sqlite3` in one thread. Nothing that writes it is faster.

The statements are no copy of the store's: `Recording` compares the tables before and after each unit of a real
lifecycle, so the floor follows the schema by itself. Rows are made ahead; only SQLite is timed.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.system import RandomIds, SystemClock

TABLES: Final = ("run", "step_run", "request", "approver", "decision", "delivery", "audit")
"""What a lifecycle writes, in the order in which rows name each other."""
STAGES: Final = ("start", "decide", "advance")
GROUP: Final = 64

_SHOWN: Final = (
    "UPDATE delivery SET state = 'shown', receipt = '{}', shown_version = 1, shown_at = created_at, next_at = NULL",
    "UPDATE request SET first_shown_at = opened_at, check_at = NULL WHERE state = 'pending'",
)
"""What the relay leaves behind once every copy is where it belongs."""

Row = tuple[Any, ...]
Batch = list[tuple[str, Row]]
"""Statements with their parameters, in order."""


@dataclass(frozen=True, slots=True)
class Write:
    """One statement of one lifecycle, with the values that it had there."""

    sql: str
    values: Row
    audit: bool = False


@dataclass(slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    key: tuple[int, ...]

    @classmethod
    def of(cls, connection: sqlite3.Connection, name: str) -> _Table:
        found = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
        key = sorted((pk, at) for at, (_, pk) in enumerate(found) if pk)
        return cls(name, tuple(column for column, _ in found), tuple(at for _, at in key))

    def rows(self, connection: sqlite3.Connection) -> dict[Row, Row]:
        rows = connection.execute(f"SELECT * FROM {self.name}").fetchall()  # noqa: S608 a name of ours
        return {tuple(row[at] for at in self.key): row for row in rows}

    def insert(self, row: Row) -> Write:
        marks = ", ".join("?" * len(self.columns))
        sql = f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"  # noqa: S608 names of ours
        return Write(sql, row, audit=self.name == "audit")

    def update(self, key: Row, before: Row, after: Row) -> Write:
        changed = [at for at in range(len(after)) if after[at] != before[at]]
        sets = ", ".join(f"{self.columns[at]} = ?" for at in changed)
        where = " AND ".join(f"{self.columns[at]} = ?" for at in self.key)
        sql = f"UPDATE {self.name} SET {sets} WHERE {where}"  # noqa: S608 names of ours
        return Write(sql, (*(after[at] for at in changed), *key))


@dataclass(slots=True)
class Recording:
    """What each stage of one lifecycle wrote to the file at `path`. Call `mark` before the first and after each."""

    path: Path
    stages: list[list[Write]] = field(default_factory=list)
    _seen: dict[str, dict[Row, Row]] = field(default_factory=dict)

    def mark(self) -> None:
        """Look at the tables; from the second time on, note what changed as one stage."""
        with closing(sqlite3.connect(self.path)) as connection:
            tables = [_Table.of(connection, name) for name in TABLES]
            seen = {table.name: table.rows(connection) for table in tables}
        if self._seen:
            self.stages.append([write for table in tables for write in self._changes(table, seen[table.name])])
        self._seen = seen

    def _changes(self, table: _Table, rows: dict[Row, Row]) -> Iterable[Write]:
        before = self._seen[table.name]
        for key, row in rows.items():
            if key not in before:
                yield table.insert(row)
            elif row != before[key]:
                yield table.update(key, before[key], row)


class Replay:
    """Makes the statements of further lifecycles from one: fresh ids, and audit entries that continue the chain."""

    def __init__(self, recording: Recording) -> None:
        self._stages = recording.stages
        self._ids, self._clock = RandomIds(), SystemClock()
        fresh = {
            write.values[0]: None
            for stage in self._stages
            for write in stage
            if write.sql.startswith("INSERT") and not write.audit
        }
        self._old = list(fresh)

    def lifecycles(self, count: int, *, after: tuple[int, bytes], stages: int = len(STAGES)) -> list[list[Batch]]:
        """For each stage, what it writes for each of `count` lifecycles, which go through the stages together.

        `after`: the last entry of the chain, its number and hash.
        """
        seq, previous = after
        ids = [self._fresh() for _ in range(count)]
        made: list[list[Batch]] = []
        for writes in self._stages[:stages]:
            batches: list[Batch] = []
            for renamed in ids:
                batch: Batch = []
                for write in writes:
                    values = tuple(renamed.get(value, value) for value in write.values)
                    if write.audit:
                        seq, previous, values = self._linked(write, values, renamed, seq, previous)
                    batch.append((write.sql, values))
                batches.append(batch)
            made.append(batches)
        return made

    def _fresh(self) -> dict[Any, Any]:
        return {old: self._ids.new(self._clock.now()) for old in self._old}

    def _linked(
        self, write: Write, values: Row, renamed: dict[Any, Any], seq: int, previous: bytes
    ) -> tuple[int, bytes, Row]:
        """The entry at the end of the chain as it is now."""
        columns = write.sql.partition("(")[2].partition(")")[0].split(", ")
        row = dict(zip(columns, values, strict=True))
        leaf = row["leaf"].replace(f'"seq":{row["seq"]},', f'"seq":{seq + 1},')
        for old, new in renamed.items():
            leaf = leaf.replace(old, new)
        previous = hashlib.sha256(previous + leaf.encode()).digest()
        row |= {"seq": seq + 1, "leaf": leaf, "hash": previous}
        return seq + 1, previous, tuple(row.values())


class Floor:
    """A database like the engine's, written by bare `sqlite3`: as durable, and checking as little as it may."""

    def __init__(self, path: Path, replay: Replay) -> None:
        self._replay = replay
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000", "journal_size_limit=67108864"):
            self._connection.execute(f"PRAGMA {pragma}")
        # The head of this copy was never noted beside it, and an engine that opens it must not ask why.
        self._connection.execute("PRAGMA application_id = 0")

    def close(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def head(self) -> tuple[int, bytes]:
        """The last entry of the chain."""
        seq, digest = self._connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        return seq, digest

    def grouped(self, count: int, *, group: int = GROUP) -> float:
        """Lifecycles a second, `group` of them a commit, from their first row to their last."""
        spent = 0.0
        for _ in range(count // group):
            made = self._replay.lifecycles(group, after=self.head())
            began = time.perf_counter()
            self._write([batch for batches in made for batch in batches])
            spent += time.perf_counter() - began
        return count // group * group / spent

    def commits(self, count: int) -> list[float]:
        """Seconds that each COMMIT of `count` lifecycles took that went through their stages one by one."""
        return [self._write(batches) for _ in range(count) for batches in self._replay.lifecycles(1, after=self.head())]

    def fill(self, count: int, *, group: int = 5000) -> None:
        """Write `count` runs that wait for people, their copies as shown already."""
        for at in range(0, count, group):
            (batches,) = self._replay.lifecycles(min(group, count - at), after=self.head(), stages=1)
            self._write(batches)
        for statement in _SHOWN:
            self._connection.execute(statement)

    def _write(self, batches: Sequence[Batch]) -> float:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        for batch in batches:
            for sql, values in batch:
                execute(sql, values)
        began = time.perf_counter()
        execute("COMMIT")
        return time.perf_counter() - began
