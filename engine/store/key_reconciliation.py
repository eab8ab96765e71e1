"""Compares API keys with the audit log: who can write the tables could make a key, or let a revoked one work again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

from msgspec import Struct
from sqlalchemy import select

from engine import json_values
from engine.store.api_key_tables import ApiKeyRow
from engine.store.connection import Connection

_key = ApiKeyRow.__table__  # type: ignore[attr-defined]
_CREATED: Final = "api_key.created"
_MADE: Final = (_CREATED, "api_key.rotated")
_REVOKED: Final = "api_key.revoked"


class KeyEntry(Protocol):
    """An entry of the log. `content` is None if it was erased."""

    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def content(self) -> dict[str, Any] | None: ...


class _Logged(Struct):
    """What the log says of one key: the entry that made it, the last text that it got, and whether it was revoked."""

    created: KeyEntry | None = None
    fingerprint: str | None = None
    is_revoked: bool = False


def fingerprint(stored_hash: bytes) -> str:
    """Return what the log keeps of the hash of a key, from which neither the hash nor the text can be found."""
    return sha256(stored_hash).hexdigest()[:32]


def differences(connection: Connection, workspace: str, entries: Iterable[KeyEntry]) -> Iterator[str]:
    """Yield a sentence for every difference between the rows of keys and the entries of no run."""
    rows = connection.execute(select(_key).where(_key.c.workspace == workspace).order_by(_key.c.id)).all()
    about = [entry for entry in entries if entry.kind in (*_MADE, _REVOKED)]
    # The log of an erased person may lack contents, and so not name all keys.
    is_erased = any(entry.content is None for entry in about)
    logged = _logged(about)
    for row in rows:
        yield from _compare(row, logged.pop(row.id, None), is_erased=is_erased)
    for key, found in logged.items():
        if found.created is not None:
            yield f"entry {found.created.seq} says that API key {key} was created, and the tables do not hold it"


def _logged(entries: Iterable[KeyEntry]) -> dict[str, _Logged]:
    found: dict[str, _Logged] = {}
    for entry in entries:
        if entry.content is None:
            continue
        key = found.setdefault(str(entry.content.get("key")), _Logged())
        key.created = entry if entry.kind == _CREATED else key.created
        key.fingerprint = entry.content.get("fingerprint") or key.fingerprint
        key.is_revoked = key.is_revoked or entry.kind == _REVOKED
    return found


def _compare(row: Any, logged: _Logged | None, *, is_erased: bool) -> Iterator[str]:
    if logged is None:
        if not is_erased:
            yield f"API key {row.id} is in the tables, and no entry says that it was created"
        return
    if logged.created is not None and logged.created.content is not None:
        yield from _compare_rights(row, logged.created.seq, logged.created.content)
    if logged.fingerprint is not None and logged.fingerprint != fingerprint(row.hash) and not is_erased:
        yield f"the text of API key {row.id} is not the one that it got by its entries"
    if logged.is_revoked and row.revoked_at is None:
        yield f"API key {row.id} was revoked by its entries, and works in the tables"
    if row.revoked_at is not None and not logged.is_revoked and not is_erased:
        yield f"API key {row.id} is revoked in the tables, and no entry says so"


def _compare_rights(row: Any, seq: int, content: Mapping[str, Any]) -> Iterator[str]:
    workflows = None if row.workflows is None else json_values.loads(row.workflows)
    rights = (json_values.loads(row.actions), workflows, row.per_minute)
    if rights != (content.get("actions"), content.get("workflows"), content.get("per_minute")):
        yield f"API key {row.id} may not do what entry {seq} says"
    if row.acts_for not in (None, content.get("acts_for")):
        yield f"API key {row.id} acts for another person than entry {seq} says"
