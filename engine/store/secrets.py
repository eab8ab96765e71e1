"""Secrets as rows: how they are written, found and counted. Values are encrypted before they come here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, delete, insert, or_, select, update

from engine.domain.secret_commands import SecretView
from engine.secret_keys import SealedValue, SecretPlace
from engine.store import people
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.secret_tables import SecretRow
from engine.store.statements import Statement

USED_EVERY: Final = timedelta(minutes=1)
"""How exact `used_at` is: it is written at most once a minute."""

_secret = SecretRow.__table__  # type: ignore[attr-defined]
_NEW = Statement(insert(_secret))
_ALL = Statement(select(_secret).where(_secret.c.workspace == bindparam("workspace")).order_by(_secret.c.id))
_LISTED = Statement(
    select(_secret)
    .where(_secret.c.workspace == bindparam("workspace"), _secret.c.ended_at.is_(None))
    .order_by(_secret.c.name, _secret.c.workflow.is_not(None), _secret.c.workflow)
)
_END = Statement(
    update(_secret)
    .where(_secret.c.id == bindparam("held"), _secret.c.ended_at.is_(None))
    .values(ended_at=bindparam("now"))
)
_RESEAL = Statement(
    update(_secret)
    .where(_secret.c.id == bindparam("held"))
    .values(sealed=bindparam("new_sealed"), key=bindparam("new_key"))
)
_USED = Statement(
    update(_secret)
    .where(
        _secret.c.id == bindparam("held"),
        or_(
            _secret.c.used_at.is_(None),
            _secret.c.used_at <= bindparam("before"),
            _secret.c.used_at > bindparam("now"),
        ),
    )
    .values(used_at=bindparam("now"))
)
_OLD = Statement(delete(_secret).where(_secret.c.ended_at < bindparam("before")))


class StoredSecret(Struct, frozen=True, kw_only=True):
    """A secret as it is stored. `ended_at`: when it was replaced or deleted."""

    id: str
    place: SecretPlace
    sealed: SealedValue
    set_by: str
    set_at: datetime
    used_at: datetime | None
    ended_at: datetime | None


def load_all(connection: Connection, workspace: str) -> list[StoredSecret]:
    """Return all secrets, also those that were replaced or deleted and are still looked for in texts."""
    return [_stored(row) for row in _ALL.all(connection, {"workspace": workspace})]


def load_current(connection: Connection, workspace: str) -> list[StoredSecret]:
    """Return the secrets that count, by their names."""
    return [_stored(row) for row in _LISTED.all(connection, {"workspace": workspace})]


def find(connection: Connection, place: SecretPlace) -> StoredSecret | None:
    """Return the secret of this name that counts for exactly this workflow, or for all; or None."""
    return next((stored for stored in load_current(connection, place.workspace) if stored.place == place), None)


def views(connection: Connection, workspace: str) -> list[SecretView]:
    """Return the secrets as admins see them, by their names. Nothing is decrypted."""
    stored = load_current(connection, workspace)
    known = people.load_people(connection, {secret.set_by for secret in stored})
    return [view_of(secret, known[secret.set_by].label) for secret in stored]


def view_of(stored: StoredSecret, set_by: str) -> SecretView:
    """Return a secret as admins see it. `set_by`: the name of the person who set it."""
    return SecretView(
        name=stored.place.name,
        workflow=stored.place.workflow,
        set_by=set_by,
        set_at=stored.set_at,
        used_at=stored.used_at,
    )


def insert_secret(tx: Tx, place: SecretPlace, sealed: SealedValue, *, by: str) -> StoredSecret:
    """Write a secret that is set by this person."""
    row: dict[str, Any] = {
        "id": tx.new_id(),
        "workspace": place.workspace,
        "name": place.name,
        "workflow": place.workflow,
        "sealed": sealed.text,
        "key": sealed.key,
        "set_by": by,
        "set_at": tx.now,
        "used_at": None,
        "ended_at": None,
    }
    tx.write(_NEW, row)
    return StoredSecret(id=row["id"], place=place, sealed=sealed, set_by=by, set_at=tx.now, used_at=None, ended_at=None)


def end(tx: Tx, secret: str) -> bool:
    """End a secret, so that no workflow uses it any more. Return False if it has ended before."""
    return tx.write(_END, {"held": secret, "now": tx.now}) == 1


def reseal(tx: Tx, secret: str, sealed: SealedValue) -> None:
    """Write a value that was encrypted with another key."""
    tx.write(_RESEAL, {"held": secret, "new_sealed": sealed.text, "new_key": sealed.key})


def note_use(tx: Tx, secret: str) -> bool:
    """Write that a secret is used now. Return False if that was written within the last minute."""
    return tx.write(_USED, {"held": secret, "before": tx.now - USED_EVERY, "now": tx.now}) == 1


def remove_old(tx: Tx, *, before: datetime) -> None:
    """Remove the values that were replaced or deleted before this moment."""
    tx.write(_OLD, {"before": before})


def _stored(row: Any) -> StoredSecret:
    return StoredSecret(
        id=row.id,
        place=SecretPlace(row.workspace, row.workflow, row.name),
        sealed=SealedValue(row.key, row.sealed),
        set_by=row.set_by,
        set_at=row.set_at,
        used_at=row.used_at,
        ended_at=row.ended_at,
    )
