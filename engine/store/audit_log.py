"""The audit log: a hash chain for each workspace, appended to by every unit, changed by none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import bindparam, insert, select

from engine import audit, json_values
from engine.audit import Entry
from engine.read_models import StoryEntry
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import AuditRow
from engine.store.transaction import Tx

_audit = AuditRow.__table__  # type: ignore[attr-defined]
_HEAD = Statement(
    select(_audit.c.seq, _audit.c.hash)
    .where(_audit.c.workspace == bindparam("workspace"))
    .order_by(_audit.c.seq.desc())
    .limit(1)
)
_HASH = Statement(
    select(_audit.c.hash).where(_audit.c.workspace == bindparam("workspace"), _audit.c.seq == bindparam("seq"))
)
_LATEST = Statement(
    select(_audit.c.leaf).where(_audit.c.workspace == bindparam("workspace")).order_by(_audit.c.seq.desc()).limit(1)
)
_APPEND = Statement(insert(_audit))
_STORY = Statement(
    select(_audit.c.seq, _audit.c.leaf, _audit.c.content)
    .where(_audit.c.run == bindparam("run"), _audit.c.seq > bindparam("after"))
    .order_by(_audit.c.seq)
)
_PAGE = Statement(
    select(_audit)
    .where(_audit.c.workspace == bindparam("workspace"), _audit.c.seq > bindparam("after"))
    .order_by(_audit.c.seq)
    .limit(1000)
)


def seal(txs: Sequence[Tx]) -> None:
    """Link what these units wrote down to the chains, in their order: the last thing in a transaction."""
    for workspace in {name: None for tx in txs for name in tx.entries}:
        found = [(tx, entry) for tx in txs for entry in tx.entries.get(workspace, ())]
        _append(txs[0].connection, workspace, found)


def _append(connection: Connection, workspace: str, entries: Sequence[tuple[Tx, Entry]]) -> None:
    seq, previous = _head(connection, workspace)
    rows = []
    for tx, entry in entries:
        seq += 1
        sealed = audit.seal(entry, workspace=workspace, at=tx.now, seq=seq, previous=previous, salt=tx.ids.salt())
        previous = sealed.hash
        rows.append(
            {
                "workspace": workspace,
                "seq": seq,
                "run": entry.run,
                "leaf": sealed.leaf,
                "hash": sealed.hash,
                "salt": sealed.salt,
                "content": sealed.content,
            }
        )
    _APPEND.write_all(connection, rows)


def _head(connection: Connection, workspace: str) -> tuple[int, bytes]:
    row = _HEAD.one(connection, {"workspace": workspace})
    return (row.seq, row.hash) if row is not None else (0, audit.GENESIS)


def head(connection: Connection, workspace: str) -> tuple[int, str]:
    """The number and the hash of the last entry; of an empty log those before the first."""
    seq, digest = _head(connection, workspace)
    return seq, digest.hex()


def hash_of(connection: Connection, workspace: str, seq: int) -> str | None:
    """The hash of an entry; None: there is no such entry."""
    if seq == 0:
        return audit.GENESIS.hex()
    row = _HASH.one(connection, {"workspace": workspace, "seq": seq})
    return None if row is None else bytes(row.hash).hex()


def latest(connection: Connection, workspace: str) -> datetime | None:
    """When the last entry was written, by the clock of then."""
    row = _LATEST.one(connection, {"workspace": workspace})
    return None if row is None else datetime.fromisoformat(cast("dict[str, Any]", json_values.loads(row.leaf))["at"])


def export(connection: Connection, workspace: str, after: int = 0) -> Iterator[str]:
    """The chain as JSON Lines, a page of rows in memory at a time."""
    while True:
        rows = _PAGE.all(connection, {"workspace": workspace, "after": after})
        for row in rows:
            yield audit.export_line(row.seq, row.leaf, hash=row.hash, salt=row.salt, content=row.content)
        if not rows:
            return
        after = rows[-1].seq


def story(connection: Connection, run: str, after: int = 0) -> list[StoryEntry]:
    """What happened in a run after entry number `after`, oldest first."""
    rows = _STORY.all(connection, {"run": run, "after": after})
    return [StoryEntry.read(row.seq, row.leaf, row.content) for row in rows]
