"""The floor: the rows of one lifecycle, written by bare `sqlite3` in one thread. No program can write them faster.

The statements are not copied from the store: `Recording` compares the tables before and after each unit of a real
lifecycle, so the floor follows changes of the schema. Rows are prepared in advance; only SQLite is timed.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.system import RandomIds, SystemClock

TABLES: Final = ("run", "step_run", "request", "approver", "decision", "delivery", "audit")
"""The tables that a lifecycle writes, ordered so that rows come before the rows that refer to them."""
STAGES: Final = ("start", "decide", "advance")
GROUP: Final = 64
"""Lifecycles of one commit."""

FOLLOWED: Final = (
    """\
INSERT INTO search_progress (workspace, seq) SELECT workspace, max(seq) FROM audit WHERE true GROUP BY workspace
ON CONFLICT (workspace) DO UPDATE SET seq = excluded.seq""",
    """\
INSERT INTO insight_progress (workspace, seq, at) SELECT workspace, max(seq), (SELECT max(opened_at) FROM request)
FROM audit WHERE true GROUP BY workspace ON CONFLICT (workspace) DO UPDATE SET seq = excluded.seq""",
)
"""Takes search and insights past the stored requests: a server that made them would have followed its log long ago."""
_MARK_SHOWN: Final = (
    "UPDATE delivery SET state = 'shown', receipt = '{}', shown_version = 1, shown_at = created_at, next_at = NULL",
    "UPDATE request SET first_shown_at = opened_at, check_at = NULL WHERE state = 'pending'",
)
"""Write what the relay writes once every copy was shown."""

Row = tuple[Any, ...]
Batch = list[tuple[str, Row]]
"""Statements with their parameters, in order."""


@dataclass(frozen=True, slots=True)
class Write:
    """One recorded statement of a lifecycle, with its values."""

    sql: str
    values: Row
    audit: bool = False


@dataclass(slots=True)
class TableShape:
    """The columns of a table, and the positions of its key. `mark`: writes the place of the n-th value."""

    name: str
    columns: tuple[str, ...]
    key: tuple[int, ...]
    mark: Callable[[int], str] = "?{}".format

    @classmethod
    def read(cls, connection: sqlite3.Connection, name: str) -> TableShape:
        columns = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
        key = sorted((pk, position) for position, (_, pk) in enumerate(columns) if pk)
        return cls(name, tuple(column for column, _ in columns), tuple(position for _, position in key))

    def by_key(self, rows: Iterable[Row]) -> dict[Row, Row]:
        return {tuple(row[at] for at in self.key): row for row in rows}

    def insert(self, row: Row) -> Write:
        marks = ", ".join(map(self.mark, range(1, len(self.columns) + 1)))
        sql = f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"  # noqa: S608 names of ours
        return Write(sql, row, audit=self.name == "audit")

    def update(self, key: Row, before: Row, after: Row) -> Write:
        changed = [at for at in range(len(after)) if after[at] != before[at]]
        sets = ", ".join(f"{self.columns[at]} = {self.mark(number)}" for number, at in enumerate(changed, 1))
        where = " AND ".join(
            f"{self.columns[at]} = {self.mark(number)}" for number, at in enumerate(self.key, len(changed) + 1)
        )
        sql = f"UPDATE {self.name} SET {sets} WHERE {where}"  # noqa: S608 names of ours
        return Write(sql, (*(after[at] for at in changed), *key))


@dataclass(slots=True)
class Recording:
    """The writes of each stage of one lifecycle. Call `add` with the tables before the first stage and after each."""

    stages: list[list[Write]] = field(default_factory=list)
    _previous: dict[str, dict[Row, Row]] = field(default_factory=dict)

    def add(self, tables: Sequence[tuple[TableShape, dict[Row, Row]]]) -> None:
        """Take the tables as they are now; from the second call on, add the changes as one stage."""
        if self._previous:
            self.stages.append([write for table, rows in tables for write in self._changes(table, rows)])
        self._previous = {table.name: rows for table, rows in tables}

    def _changes(self, table: TableShape, rows: dict[Row, Row]) -> Iterable[Write]:
        before = self._previous[table.name]
        for key, row in rows.items():
            if key not in before:
                yield table.insert(row)
            elif row != before[key]:
                yield table.update(key, before[key], row)


def read_tables(path: Path) -> list[tuple[TableShape, dict[Row, Row]]]:
    """Read the tables of a file, each row under its key."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [TableShape.read(connection, name) for name in TABLES]
        select = "SELECT * FROM {}".format
        return [(table, table.by_key(connection.execute(select(table.name)))) for table in tables]


class Replay:
    """Builds the statements of more lifecycles from a recorded one, with new ids and in the same audit chain.

    `rename`: returns what else is different in another run, as new values by recorded ones, from the new ids.
    """

    def __init__(self, recording: Recording, rename: Callable[[Mapping[Any, Any]], Mapping[Any, Any]] = dict) -> None:
        self._stages, self._rename = recording.stages, rename
        self._ids, self._clock = RandomIds(), SystemClock()
        recorded_ids = {
            write.values[0]: None
            for stage in self._stages
            for write in stage
            if write.sql.startswith("INSERT") and not write.audit
        }
        self._recorded_ids = list(recorded_ids)

    def lifecycles(self, count: int, *, after: tuple[int, bytes], stages: int = len(STAGES)) -> list[list[Batch]]:
        """Build the statements of `count` lifecycles, by stage and lifecycle.

        `after`: number and hash of the last entry of the chain.
        """
        seq, previous = after
        new_ids = [self._new_ids() for _ in range(count)]
        stage_batches: list[list[Batch]] = []
        for writes in self._stages[:stages]:
            batches: list[Batch] = []
            for renamed in new_ids:
                batch: Batch = []
                for write in writes:
                    values = tuple(renamed.get(value, value) for value in write.values)
                    if write.audit:
                        seq, previous, values = self._chained_entry(write, values, renamed, seq, previous)
                    batch.append((write.sql, values))
                batches.append(batch)
            stage_batches.append(batches)
        return stage_batches

    def _new_ids(self) -> dict[Any, Any]:
        renamed = {old: self._ids.new(self._clock.now()) for old in self._recorded_ids}
        return {**renamed, **self._rename(renamed)}

    def _chained_entry(
        self, write: Write, values: Row, renamed: dict[Any, Any], seq: int, previous: bytes
    ) -> tuple[int, bytes, Row]:
        """Return the audit row as the next entry of the chain, with its number and hash."""
        columns = write.sql.partition("(")[2].partition(")")[0].split(", ")
        row = dict(zip(columns, values, strict=True))
        leaf = row["leaf"].replace(f'"seq":{row["seq"]},', f'"seq":{seq + 1},')
        for old, new in renamed.items():
            leaf = leaf.replace(old, new)
        previous = hashlib.sha256(previous + leaf.encode()).digest()
        row |= {"seq": seq + 1, "leaf": leaf, "hash": previous}
        return seq + 1, previous, tuple(row.values())


class Floor:
    """A database like the engine's, written by bare `sqlite3`: as durable, without any checks of ours."""

    def __init__(self, path: Path, replay: Replay) -> None:
        self._replay = replay
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000", "journal_size_limit=67108864"):
            self._connection.execute(f"PRAGMA {pragma}")
        # No head of the audit log is noted beside this copy; without the mark, an engine opens it without asking.
        self._connection.execute("PRAGMA application_id = 0")

    def close(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def head(self) -> tuple[int, bytes]:
        """Return number and hash of the last entry of the chain."""
        seq, digest = self._connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        return seq, digest

    def lifecycles_per_second(self, count: int, *, group: int = GROUP) -> float:
        """Write lifecycles, one commit for each group, and return how many a second."""
        seconds = 0.0
        for _ in range(count // group):
            stages = self._replay.lifecycles(group, after=self.head())
            started = time.perf_counter()
            self._write([batch for batches in stages for batch in batches])
            seconds += time.perf_counter() - started
        return count // group * group / seconds

    def commit_seconds(self, count: int) -> list[float]:
        """Write lifecycles stage by stage, and return the seconds of each COMMIT."""
        return [self._write(batches) for _ in range(count) for batches in self._replay.lifecycles(1, after=self.head())]

    def fill(self, count: int, *, group: int = 5000) -> None:
        """Write `count` runs with pending requests, whose copies are marked as shown."""
        for offset in range(0, count, group):
            (batches,) = self._replay.lifecycles(min(group, count - offset), after=self.head(), stages=1)
            self._write(batches)
        for statement in (*_MARK_SHOWN, *FOLLOWED):
            self._connection.execute(statement)

    def _write(self, batches: Sequence[Batch]) -> float:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        for batch in batches:
            for sql, values in batch:
                execute(sql, values)
        started = time.perf_counter()
        execute("COMMIT")
        return time.perf_counter() - started
