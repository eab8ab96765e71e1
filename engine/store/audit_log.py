"""The audit log: a hash chain for each workspace, appended to by every unit, changed by none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import bindparam, insert, select

from engine import audit, json_values
from engine.audit import Entry
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import AuditRow
from engine.story_entries import StoryEntry

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


def seal(txs: Sequence[Tx]) -> dict[str, tuple[int, bytes]]:
    """Append the entries of these units to the chains, in their order, and return the last of each chain.

    Call it last in a transaction.
    """
    heads = {}
    for workspace in {name: None for tx in txs for name in tx.entries}:
        entries = [(tx, entry) for tx in txs for entry in tx.entries.get(workspace, ())]
        heads[workspace] = _append(txs[0].connection, workspace, entries)
    return heads


def _append(connection: Connection, workspace: str, entries: Sequence[tuple[Tx, Entry]]) -> tuple[int, bytes]:
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
    return seq, previous


def _head(connection: Connection, workspace: str) -> tuple[int, bytes]:
    row = _HEAD.one(connection, {"workspace": workspace})
    return (row.seq, row.hash) if row is not None else (0, audit.GENESIS)


def head(connection: Connection, workspace: str) -> tuple[int, str]:
    """Return the number and the hash of the last entry; 0 and the genesis hash if the log is empty."""
    seq, digest = _head(connection, workspace)
    return seq, digest.hex()


def hash_of(connection: Connection, workspace: str, seq: int) -> str | None:
    """Return the hash of an entry, or None if there is no such entry."""
    if seq == 0:
        return audit.GENESIS.hex()
    row = _HASH.one(connection, {"workspace": workspace, "seq": seq})
    return None if row is None else bytes(row.hash).hex()


def latest(connection: Connection, workspace: str) -> datetime | None:
    """Return the time of the last entry, or None if the log is empty."""
    row = _LATEST.one(connection, {"workspace": workspace})
    return None if row is None else datetime.fromisoformat(cast("dict[str, Any]", json_values.loads(row.leaf))["at"])


def export(connection: Connection, workspace: str, after: int = 0) -> Iterator[str]:
    """Yield the chain as JSON Lines, with one page of rows in memory at a time."""
    while True:
        rows = _PAGE.all(connection, {"workspace": workspace, "after": after})
        for row in rows:
            yield audit.export_line(row.seq, row.leaf, hash=row.hash, salt=row.salt, content=row.content)
        if not rows:
            return
        after = rows[-1].seq


def has_entry(connection: Connection, run: str, request: str, kind: str) -> bool:
    """Return whether the log has an entry of this kind about a request."""
    rows = _STORY.all(connection, {"run": run, "after": 0})
    leaves = (cast("dict[str, Any]", json_values.loads(row.leaf)) for row in rows)
    return any(leaf["kind"] == kind and leaf.get("request") == request for leaf in leaves)


def story(connection: Connection, run: str, after: int = 0) -> list[StoryEntry]:
    """Return the entries of a run after number `after`, oldest first."""
    rows = _STORY.all(connection, {"run": run, "after": after})
    return [StoryEntry.read(row.seq, row.leaf, row.content) for row in rows]
