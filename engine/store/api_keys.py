"""API keys as rows: how they are written, found by id or name, and how their use is noted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, or_, select, update

from engine import json_values
from engine.domain import Address
from engine.domain.api_keys import ApiAction, ApiKeyView, ApiPrincipal
from engine.domain.asks import AskStatus
from engine.domain.people import API
from engine.errors import Conflict
from engine.json_values import Value
from engine.person_mentions import Mentions
from engine.store import ask_rows, people
from engine.store.api_key_tables import ApiKeyRow
from engine.store.ask_tables import AskRow
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement

USED_EVERY: Final = timedelta(minutes=1)
"""How exact `used_at` is: it is written at most once a minute."""
REFUSED_EVERY: Final = timedelta(hours=1)
"""How often the log notes that the use of one key was refused, at most."""

_ask = AskRow.__table__  # type: ignore[attr-defined]
_key = ApiKeyRow.__table__  # type: ignore[attr-defined]
_NEW = Statement(insert(_key))
_BY_ID = Statement(select(_key).where(_key.c.id == bindparam("id")))
_LISTED = Statement(select(_key).where(_key.c.workspace == bindparam("workspace")).order_by(_key.c.id.desc()))
_NAMED = Statement(
    select(_key)
    .where(_key.c.workspace == bindparam("workspace"), _key.c.name == bindparam("name"))
    .order_by(_key.c.revoked_at.is_not(None), _key.c.id.desc())
)
"""Keys with a name: the one that is not revoked first, of which there is at most one, then the newest."""
_CHANGED: Final = ("hash", "previous_hash", "previous_until", "rotated_by", "rotated_at", "expires_at")
_ROTATE = Statement(
    update(_key)
    .where(_key.c.id == bindparam("held"), _key.c.rev == bindparam("seen"), _key.c.revoked_at.is_(None))
    .values({**{name: bindparam(f"new_{name}") for name in _CHANGED}, "rev": _key.c.rev + 1})
)
_REVOKE = Statement(
    update(_key)
    .where(_key.c.id == bindparam("held"), _key.c.revoked_at.is_(None))
    .values(
        revoked_by=bindparam("by"),
        revoked_at=bindparam("now"),
        previous_hash=None,
        previous_until=None,
        rev=_key.c.rev + 1,
    )
)
_UPDATES = Statement(select(_key.c.updates).where(_key.c.id == bindparam("id")))
_UPDATE = Statement(
    update(_key)
    .where(_key.c.id == bindparam("held"), _key.c.rev == bindparam("seen"), _key.c.revoked_at.is_(None))
    .values(name=bindparam("new_name"), updates=bindparam("new_updates"), rev=_key.c.rev + 1)
)


def _is_due(noted_at: Any) -> Any:
    """Return whether a note is old enough to be written again. One of the future is of a clock that was ahead."""
    return or_(noted_at.is_(None), noted_at <= bindparam("before"), noted_at > bindparam("now"))


_USED = Statement(
    update(_key)
    .where(
        _key.c.id == bindparam("held"),
        _is_due(_key.c.used_at),
    )
    .values(used_at=bindparam("now"))
)
_REFUSED = Statement(
    update(_key)
    .where(
        _key.c.id == bindparam("held"),
        _is_due(_key.c.refused_at),
    )
    .values(refused_at=bindparam("now"))
)

_TIMES: Final = ("created_at", "rotated_at", "previous_until", "expires_at", "revoked_at", "used_at", "refused_at")
_STORED: Final = ("workspace", "person", "hash", "previous_hash", "rev", *_TIMES)
"""Columns that `StoredKey` has as they are."""
_SHOWN: Final = ("id", "name", "acts_for", "per_minute", *_TIMES)
"""Columns that `ApiKeyView` has as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key as it is stored: its principal, the hashes of its texts, and whether they work."""

    principal: ApiPrincipal
    workspace: str
    person: str
    hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    previous_hash: bytes | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    rotated_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    refused_at: datetime | None = None
    rev: int = 1

    @property
    def id(self) -> str:
        return self.principal.id

    @property
    def lifetime(self) -> timedelta | None:
        """How long the present text works in all, or None if it does not expire."""
        return None if self.expires_at is None else self.expires_at - (self.rotated_at or self.created_at)


def load(connection: Connection, key: str) -> StoredKey | None:
    """Return the key with this id, or None."""
    row = _BY_ID.one(connection, {"id": key})
    return None if row is None else _stored(row)


def creator(connection: Connection, key: str) -> str | None:
    """Return the person who created the key with this id, or None if there is none."""
    row = _BY_ID.one(connection, {"id": key})
    return None if row is None else str(row.created_by)


def find(connection: Connection, workspace: str, key: str) -> StoredKey | None:
    """Return the key with this id or name, or None. A revoked key has its name as long as no other key takes it."""
    row = _find_row(connection, workspace, key)
    return None if row is None else _stored(row)


def find_view(connection: Connection, workspace: str, key: str) -> ApiKeyView | None:
    """Return the key with this id or name as operators see it, or None."""
    row = _find_row(connection, workspace, key)
    return None if row is None else _views(connection, [row])[0]


def views(connection: Connection, workspace: str, *, with_revoked: bool = True) -> list[ApiKeyView]:
    """Return the keys as operators see them, the newest first."""
    rows = _LISTED.all(connection, {"workspace": workspace})
    return _views(connection, [row for row in rows if with_revoked or row.revoked_at is None])


def is_taken(connection: Connection, workspace: str, name: str) -> bool:
    """Return whether a key that is not revoked has the name."""
    row = _NAMED.one(connection, {"workspace": workspace, "name": name})
    return row is not None and row.revoked_at is None


def insert_key(tx: Tx, key: StoredKey, *, by: str) -> None:
    """Write a new key. `by`: the person who creates it."""
    principal = key.principal
    limits = {
        "name": principal.name,
        "actions": json_values.dumps(list[Value](sorted(action.value for action in principal.actions))),
        "workflows": None if principal.workflows is None else json_values.dumps(list(principal.workflows)),
        "acts_for": principal.acts_for,
        "per_minute": principal.per_minute,
    }
    known = {name: getattr(key, name) for name in ("id", *_STORED)}
    tx.write(_NEW, {**known, **limits, "created_by": by, "rotated_by": None, "revoked_by": None})


def rotate(
    tx: Tx, key: StoredKey, new_hash: bytes, *, by: str, previous_until: datetime | None, expires_at: datetime | None
) -> None:
    """Give a key a new hash. The one before works until `previous_until`. Raises `Conflict` if the key has changed."""
    new: dict[str, Any] = {
        "hash": new_hash,
        "previous_hash": None if previous_until is None else key.hash,
        "previous_until": previous_until,
        "rotated_by": by,
        "rotated_at": tx.now,
        "expires_at": expires_at,
    }
    changed = tx.write(_ROTATE, {"held": key.id, "seen": key.rev, **{f"new_{name}": new[name] for name in _CHANGED}})
    if not changed:
        raise Conflict(f"the API key {key.id} has changed")


def revoke(tx: Tx, key: str, *, by: str) -> bool:
    """End a key. Return False if it was revoked before."""
    return tx.write(_REVOKE, {"held": key, "by": by, "now": tx.now}) == 1


def load_updates(connection: Connection, key: str) -> str | None:
    """Return the updates of an instance that may be repeated, as JSON, or None if there are none."""
    row = _UPDATES.one(connection, {"id": key})
    return None if row is None else row.updates


def update_instance(tx: Tx, key: StoredKey, *, name: str, updates: str) -> None:
    """Write the name of an instance and its updates. Raises `Conflict` if the key has changed."""
    new = {"new_name": name, "new_updates": updates}
    if not tx.write(_UPDATE, {"held": key.id, "seen": key.rev, **new}):
        raise Conflict(f"the API key {key.id} has changed")


def note_use(tx: Tx, key: str) -> bool:
    """Write that a key is used now. Return False if another process has written it within the last minute."""
    return tx.write(_USED, {"held": key, "before": tx.now - USED_EVERY, "now": tx.now}) == 1


def note_refusal(tx: Tx, key: str) -> bool:
    """Write that the use of a key is refused now. Return False if that was written within the last hour."""
    return tx.write(_REFUSED, {"held": key, "before": tx.now - REFUSED_EVERY, "now": tx.now}) == 1


def erase_person(tx: Tx, ids: Sequence[str], addresses: Sequence[str], pseudonym: str, mentions: Mentions) -> None:
    """Erase a person from the keys. `mentions`: finds what names them in the name of a key."""
    acted = _key.c.acts_for.in_(addresses)
    tx.connection.execute(update(_key).where(acted).values(acts_for=None))
    tx.connection.execute(update(_key).where(_key.c.person.in_(ids)).values(name=pseudonym))
    for row in tx.connection.execute(select(_key.c.id, _key.c.updates).where(_key.c.updates.is_not(None))).all():
        updates = mentions.erased_json(row.updates)
        tx.connection.execute(update(_key).where(_key.c.id == row.id).values(updates=updates))
    for row in tx.connection.execute(select(_key.c.id, _key.c.person, _key.c.name)).all():
        name = mentions.erased(row.name)
        if name != row.name:
            tx.connection.execute(update(_key).where(_key.c.id == row.id).values(name=name))
            people.rename(tx, row.person, name)


def _find_row(connection: Connection, workspace: str, key: str) -> Any | None:
    row = _BY_ID.one(connection, {"id": key})
    return row or _NAMED.one(connection, {"workspace": workspace, "name": key})


def _stored(row: Any) -> StoredKey:
    return StoredKey(principal=_principal(row), **{name: getattr(row, name) for name in _STORED})


def _principal(row: Any) -> ApiPrincipal:
    return ApiPrincipal(
        id=row.id,
        name=row.name,
        address=Address(API, row.id),
        actions=frozenset(_actions(row)),
        workflows=_workflows(row),
        acts_for=row.acts_for,
        per_minute=row.per_minute,
    )


def _views(connection: Connection, rows: Iterable[Any]) -> list[ApiKeyView]:
    rows = list(rows)
    acted = {person for row in rows for person in (row.created_by, row.rotated_by, row.revoked_by) if person}
    names = {person: known.label for person, known in people.load_people(connection, acted).items()}
    pending = _pending_asks(connection, rows)
    return [_view(row, names, pending.get(row.id, 0)) for row in rows]


def _pending_asks(connection: Connection, rows: Sequence[Any]) -> dict[str, int]:
    """Return how many asks of each key wait for people, along an index."""
    ids = {ask_rows.written(Address(API, row.id)): row.id for row in rows}
    statement = select(_ask.c.asker, func.count().label("pending")).where(
        _ask.c.workspace.in_({row.workspace for row in rows}),
        _ask.c.asker.in_(ids),
        _ask.c.status == AskStatus.PENDING.value,
    )
    return {ids[row.asker]: row.pending for row in connection.execute(statement.group_by(_ask.c.asker)).all()}


def _view(row: Any, names: Mapping[str, str], pending_asks: int) -> ApiKeyView:
    return ApiKeyView(
        pending_asks=pending_asks,
        actions=_actions(row),
        workflows=_workflows(row),
        created_by=names[row.created_by],
        rotated_by=names.get(row.rotated_by),
        revoked_by=names.get(row.revoked_by),
        **{name: getattr(row, name) for name in _SHOWN},
    )


def _actions(row: Any) -> tuple[ApiAction, ...]:
    """Return the actions of a key. One of a later version of Signoff, which this one does not know, is left out."""
    written: Any = json_values.loads(row.actions)
    return tuple(action for action in ApiAction if action.value in written)


def _workflows(row: Any) -> tuple[str, ...] | None:
    written: Any = None if row.workflows is None else json_values.loads(row.workflows)
    return None if written is None else tuple(map(str, written))
