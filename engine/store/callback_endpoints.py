"""Callback endpoints as rows: how they are written and found, and when calls to one have failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, insert, select, update

from engine.domain import Address
from engine.domain.callbacks import CHANNEL, CallbackEndpointView, EndpointState
from engine.domain.people import API
from engine.store import people
from engine.store.api_key_tables import ApiKeyRow
from engine.store.ask_tables import AskRow
from engine.store.callback_tables import CallbackEndpointRow
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow, RequestRow

_endpoint = CallbackEndpointRow.__table__  # type: ignore[attr-defined]
_key = ApiKeyRow.__table__  # type: ignore[attr-defined]
_ask = AskRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_ENDPOINTS = select(_endpoint, _key.c.person, _key.c.name.label("key_name")).select_from(
    _endpoint.join(_key, _key.c.id == _endpoint.c.key)
)
_BY_ID = Statement(_ENDPOINTS.where(_endpoint.c.id == bindparam("id")))
_OF_KEY = Statement(
    _ENDPOINTS.where(_endpoint.c.key == bindparam("key"), _endpoint.c.removed_at.is_(None)).order_by(_endpoint.c.id)
)
_LISTED = Statement(
    _ENDPOINTS.where(_endpoint.c.workspace == bindparam("workspace"), _endpoint.c.removed_at.is_(None)).order_by(
        _endpoint.c.id.desc()
    )
)
_OF_ASK = Statement(_ENDPOINTS.join(_ask, _ask.c.callback == _endpoint.c.id).where(_ask.c.run == bindparam("run")))
_NEW = Statement(insert(_endpoint))
_ROTATE = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.removed_at.is_(None))
    .values(
        previous_secret=_endpoint.c.secret,
        previous_until=bindparam("until"),
        secret=bindparam("new_secret"),
        rotated_at=bindparam("now"),
    )
)
_NO_FAILURE: Final = dict.fromkeys(("error", "failing_since", "rests_until", "alerted_at"))
_WELL: Final[dict[str, Any]] = {"state": EndpointState.ACTIVE.value, "failures": 0, **_NO_FAILURE}
_MOVE = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.removed_at.is_(None))
    .values(
        url=bindparam("new_url"),
        details=bindparam("new_details"),
        secret=bindparam("new_secret"),
        previous_secret=None,
        previous_until=None,
        rotated_at=bindparam("now"),
        **_WELL,
    )
)
_EVER = Statement(
    select(_endpoint.c.id).where(_endpoint.c.key == bindparam("key"), _endpoint.c.protocol == bindparam("protocol"))
)
_ENABLE = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.state == EndpointState.OFF.value)
    .values(_WELL)
)
_REMOVE = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.removed_at.is_(None))
    .values(
        state=EndpointState.REMOVED.value,
        removed_at=bindparam("now"),
        secret=None,
        previous_secret=None,
        previous_until=None,
    )
)
_TURN_OFF = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.state == EndpointState.ACTIVE.value)
    .values(state=EndpointState.OFF.value, error=bindparam("why"))
)
_FAILED = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.failures == bindparam("seen"))
    .values(
        failures=_endpoint.c.failures + 1,
        error=bindparam("why"),
        failing_since=bindparam("since"),
        rests_until=bindparam("until"),
    )
)
_WORKS = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.failures > 0)
    .values(failures=0, **_NO_FAILURE)
)
_WAKE = Statement(update(_endpoint).where(_endpoint.c.id == bindparam("held")).values(rests_until=None))
_ALERT = Statement(
    update(_endpoint)
    .where(_endpoint.c.id == bindparam("held"), _endpoint.c.alerted_at.is_(None))
    .values(alerted_at=bindparam("now"))
)
_TOLD = Statement(select(_delivery.c.topic).where(_delivery.c.run == bindparam("run"), _delivery.c.channel == CHANNEL))


_LAST_REQUEST = Statement(
    select(_request.c.id).where(_request.c.run == bindparam("run")).order_by(_request.c.id.desc()).limit(1)
)


class StoredEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint as it is stored. `person`: names its program in the record. Secrets are sealed."""

    id: str
    workspace: str
    key: str
    key_name: str
    person: str
    url: str
    protocol: str
    details: str | None
    secret: str | None
    previous_secret: str | None
    previous_until: datetime | None
    state: EndpointState
    error: str | None
    failures: int
    failing_since: datetime | None
    rests_until: datetime | None

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Return the sealed secrets with which callbacks are signed now, the newest first."""
        is_replaced = self.previous_until is not None and self.previous_until > now
        return tuple(filter(None, (self.secret, self.previous_secret if is_replaced else None)))


_FIELDS: Final = StoredEndpoint.__struct_fields__


def load(connection: Connection, endpoint: str) -> StoredEndpoint | None:
    """Return the endpoint with this id, also one that was removed, or None."""
    row = _BY_ID.one(connection, {"id": endpoint})
    return None if row is None else _stored(row)


def find_own(connection: Connection, asker: Address, text: str) -> StoredEndpoint | None:
    """Return the endpoint of a program with this id or URL, or None. A program never learns of those of others."""
    if asker.kind != API:
        return None
    found = [row for row in _OF_KEY.all(connection, {"key": asker.value}) if text in (row.id, row.url)]
    return _stored(found[0]) if found else None


def of_key(connection: Connection, key: str) -> list[StoredEndpoint]:
    """Return the endpoints of an API key that were not removed, the oldest first."""
    return [_stored(row) for row in _OF_KEY.all(connection, {"key": key})]


def of_ask(connection: Connection, run: str) -> StoredEndpoint | None:
    """Return the endpoint that is told of an ask, or None."""
    row = _OF_ASK.one(connection, {"run": run})
    return None if row is None else _stored(row)


def load_told(connection: Connection, run: str) -> frozenset[str]:
    """Return the events of an ask that its program is told of already."""
    return frozenset(_TOLD.scalars(connection, {"run": run}))


def last_request(connection: Connection, run: str) -> str | None:
    """Return the last request of an ask, on whose page its callbacks are shown, or None if no one was asked."""
    row = _LAST_REQUEST.one(connection, {"run": run})
    return None if row is None else row.id


def views(connection: Connection, workspace: str, *, key: str | None = None) -> list[CallbackEndpointView]:
    """Return the endpoints as operators see them, the newest first: all, or those of one key."""
    rows = _LISTED.all(connection, {"workspace": workspace})
    return _views(connection, [row for row in rows if key is None or row.key == key])


def view(connection: Connection, endpoint: str) -> CallbackEndpointView | None:
    """Return one endpoint as operators see it, or None."""
    row = _BY_ID.one(connection, {"id": endpoint})
    return None if row is None else _views(connection, [row])[0]


def insert_endpoint(tx: Tx, endpoint: StoredEndpoint, *, by: str) -> None:
    """Write a new endpoint. `by`: the person who sets it up."""
    columns = {name: getattr(endpoint, name) for name in _FIELDS if name not in ("person", "key_name")}
    unset = dict.fromkeys(("alerted_at", "rotated_at", "removed_at"))
    tx.write(_NEW, {**columns, **unset, "state": endpoint.state.value, "created_by": by, "created_at": tx.now})


def rotate(tx: Tx, endpoint: str, secret: str, *, previous_until: datetime) -> bool:
    """Give an endpoint a new secret. Return False if it was removed."""
    new = {"new_secret": secret, "until": previous_until, "now": tx.now}
    return bool(tx.write(_ROTATE, {"held": endpoint, **new}))


def move(tx: Tx, endpoint: str, *, url: str, details: str | None, secret: str) -> None:
    """Give an endpoint another receiver, to which all that is on its way goes from now on."""
    new = {"new_url": url, "new_details": details, "new_secret": secret, "now": tx.now}
    tx.write(_MOVE, {"held": endpoint, **new})


def was_added(connection: Connection, key: str, protocol: str) -> bool:
    """Return whether an API key has or had an endpoint of a protocol."""
    return bool(_EVER.all(connection, {"key": key, "protocol": protocol}))


def enable(tx: Tx, endpoint: str) -> bool:
    """Switch an endpoint on again. Return False if it is not off."""
    return bool(tx.write(_ENABLE, {"held": endpoint}))


def remove(tx: Tx, endpoint: str) -> bool:
    """End an endpoint, and forget its secrets. Return False if it was removed before."""
    return bool(tx.write(_REMOVE, {"held": endpoint, "now": tx.now}))


def turn_off(tx: Tx, endpoint: str, why: str) -> bool:
    """Switch an endpoint off. Return False if it is not on."""
    return bool(tx.write(_TURN_OFF, {"held": endpoint, "why": why}))


def note_failure(tx: Tx, endpoint: StoredEndpoint, *, why: str, until: datetime) -> None:
    """Write that a call failed, and until when no other is made. Do nothing if another call failed meanwhile."""
    since = endpoint.failing_since or tx.now
    tx.write(_FAILED, {"held": endpoint.id, "seen": endpoint.failures, "why": why, "since": since, "until": until})


def note_success(tx: Tx, endpoint: str) -> None:
    """Write that a call got through."""
    tx.write(_WORKS, {"held": endpoint})


def wake(tx: Tx, endpoint: str) -> None:
    """End the rest of an endpoint: the next call is made at once."""
    tx.write(_WAKE, {"held": endpoint})


def note_alert(tx: Tx, endpoint: str) -> bool:
    """Write that the owner is told that calls are given up. Return False if they were told, and none worked since."""
    return bool(tx.write(_ALERT, {"held": endpoint, "now": tx.now}))


def _stored(row: Any) -> StoredEndpoint:
    columns = {name: getattr(row, name) for name in _FIELDS}
    return StoredEndpoint(**{**columns, "state": EndpointState(row.state)})


def _views(connection: Connection, rows: Iterable[Any]) -> list[CallbackEndpointView]:
    rows = list(rows)
    names = people.load_people(connection, {row.created_by for row in rows})
    return [
        CallbackEndpointView(
            id=row.id,
            key=row.key,
            key_name=row.key_name,
            url=row.url,
            state=EndpointState(row.state),
            protocol=row.protocol,
            created_by=names[row.created_by].label,
            created_at=row.created_at,
            details=row.details,
            error=row.error,
            failing_since=row.failing_since,
            failures=row.failures,
            rotated_at=row.rotated_at,
            previous_until=row.previous_until,
        )
        for row in rows
    ]
