"""Which program calls: checks the text of an API key, and notes its use and its refusals."""

from __future__ import annotations

import contextlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from engine import api_key_text
from engine.api_key_text import KeyProblem
from engine.audit_entries import EntryKind, entry
from engine.code_derivation import hashed
from engine.domain import Person
from engine.domain.api_keys import ApiKeyRefused, ApiPrincipal
from engine.errors import StoreError
from engine.json_values import Value
from engine.ports import Clock
from engine.store import api_keys
from engine.store.api_keys import REFUSED_EVERY, USED_EVERY, StoredKey
from engine.store.port import Store, Tx

FRESH: Final = timedelta(seconds=1)
"""How long a key that was read is used without reading it again: so long a revocation elsewhere may go unnoticed."""
_KEPT: Final = 1_000
"""Number of keys that are remembered; the one that was used longest ago is dropped first."""
_NO_HASH: Final = bytes(32)


class ApiAuthentication:
    """Recognizes the keys of programs. What it remembers of a key is at most `FRESH` old.

    So a revocation counts in every process within a second, and no call of a busy program costs a query.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._known: OrderedDict[str, tuple[datetime, StoredKey]] = OrderedDict()

    async def authenticate(self, text: str) -> ApiPrincipal | ApiKeyRefused:
        """Return the program whose key this is. Who does not have the whole text learns nothing about a key."""
        parts = api_key_text.parse(text)
        if isinstance(parts, KeyProblem):
            return ApiKeyRefused(why=parts.value)
        now = self._clock.now()
        key = await self._load(parts.id, now)
        is_current, is_previous = _compare(key, hashed(parts.secret))
        if key is None:
            return ApiKeyRefused(why="unknown")
        if not is_current and not is_previous:
            await self.note_refusal(key.id, "wrong secret", is_proven=False)
            return ApiKeyRefused(why="unknown")
        refused = _refusal(key, now, is_current=is_current)
        if refused is not None:
            await self.note_refusal(key.id, refused.why)
            return refused
        await self._note_use(key, now)
        return key.principal

    async def has_ended(self, key: str) -> ApiKeyRefused | None:
        """Return why a key that was accepted is not accepted any more, or None: for calls that last."""
        now = self._clock.now()
        stored = await self._load(key, now)
        return None if stored is None else _refusal(stored, now, is_current=True)

    async def note_refusal(self, key: str, why: str, *, is_proven: bool = True) -> None:
        """Note in the log that the use of a key was refused, at most once an hour for each key.

        `is_proven`: whether the caller has the text of the key.
        """
        now = self._clock.now()
        stored = await self._load(key, now)
        if stored is None or _is_recent(stored.refused_at, REFUSED_EVERY, now):
            return
        self._keep(now, replace(stored, refused_at=now))
        with contextlib.suppress(StoreError):
            await self._store.transact(lambda tx: _record_refusal(tx, stored, why, is_proven=is_proven))

    def forget(self, key: str) -> None:
        """Read the key again when it is used next, because a command has changed it."""
        self._known.pop(key, None)

    async def _load(self, key: str, now: datetime) -> StoredKey | None:
        read_at, known = self._known.get(key, (None, None))
        # A time in the future was taken by a clock that was set back since.
        if read_at is not None and timedelta(0) <= now - read_at < FRESH:
            self._known.move_to_end(key)
            return known
        stored = await self._store.read(lambda connection: api_keys.load(connection, key))
        if stored is None:
            self.forget(key)
        else:
            self._keep(now, stored)
        return stored

    def _keep(self, read_at: datetime, key: StoredKey) -> None:
        self._known[key.id] = read_at, key
        self._known.move_to_end(key.id)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)

    async def _note_use(self, key: StoredKey, now: datetime) -> None:
        if _is_recent(key.used_at, USED_EVERY, now):
            return
        if key.used_at is None:
            # The first use is on the record before anything follows from it.
            await self._store.transact(lambda tx: _record_use(tx, key))
            self.forget(key.id)
            return
        # The calls that come meanwhile need not write it as well.
        self._keep(now, replace(key, used_at=now))
        with contextlib.suppress(StoreError):
            await self._store.transact(lambda tx: api_keys.note_use(tx, key.id))


def _compare(key: StoredKey | None, secret: bytes) -> tuple[bool, bool]:
    """Return whether this is the hash of the present and of the previous text of a key.

    Both are compared each time, in constant time, and so is a key that does not exist.
    """
    present, previous = (key.hash, key.previous_hash or _NO_HASH) if key is not None else (_NO_HASH, _NO_HASH)
    return hmac.compare_digest(secret, present), hmac.compare_digest(secret, previous)


def _refusal(key: StoredKey, now: datetime, *, is_current: bool) -> ApiKeyRefused | None:
    """Return why a text that is or was right for this key is not accepted now, or None if it is."""
    if key.revoked_at is not None:
        return ApiKeyRefused(why="revoked", at=key.revoked_at)
    if is_current:
        is_expired = key.expires_at is not None and key.expires_at <= now
        return ApiKeyRefused(why="expired", at=key.expires_at) if is_expired else None
    is_over = key.previous_until is None or key.previous_until <= now
    return ApiKeyRefused(why="replaced", at=key.previous_until) if is_over else None


def _is_recent(at: datetime | None, span: timedelta, now: datetime) -> bool:
    return at is not None and timedelta(0) <= now - at < span


def _record_use(tx: Tx, key: StoredKey) -> None:
    """Write the first use of a key, and note it in the log. Another process may have been first."""
    if api_keys.note_use(tx, key.id):
        record(tx, EntryKind.API_KEY_FIRST_USED, key, actor=_program(key), facts={})


def _record_refusal(tx: Tx, key: StoredKey, why: str, *, is_proven: bool) -> None:
    if api_keys.note_refusal(tx, key.id):
        record(tx, EntryKind.API_KEY_REFUSED, key, actor=_program(key) if is_proven else None, facts={"why": why})


def _program(key: StoredKey) -> Person:
    return Person(key.person, key.principal.name, (key.principal.address,))


def record(tx: Tx, kind: EntryKind, stored: StoredKey, *, actor: Person | None, facts: Mapping[str, Value]) -> None:
    """Note in the log what was done with a key. An entry names the key by id and name; its text is nowhere."""
    content = {"key": stored.id, "name": stored.principal.name, **facts}
    known = {name: value for name, value in content.items() if value is not None}
    tx.audit(stored.workspace, entry(kind, actor=actor, content=known))
