"""Updates of instances of the Agent Approval Protocol: another name, another receiver, or no receiver any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from engine import json_values, timestamps
from engine.audit_entries import EntryKind
from engine.domain import DEFAULT_WORKSPACE, NotFound, Person, Refusal
from engine.domain.api_keys import ApiPrincipal
from engine.domain.asks import IdempotencyConflict
from engine.domain.callbacks import InvalidCallback
from engine.service import callback_endpoints as endpoint_commands
from engine.service.api_authentication import record
from engine.service.engine import Engine
from engine.service.instances import PROTOCOL, TURN, InstanceView, free_name, own, program
from engine.store import api_keys, ask_rows, callback_endpoints, people
from engine.store.api_keys import StoredKey
from engine.store.callback_endpoints import StoredEndpoint
from engine.store.connection import Connection
from engine.store.port import Tx

KEPT: Final = timedelta(days=7)
"""How long the answer to an update is kept for repeats, as the protocol has it."""
MOST: Final = 500
"""Number of answers that are kept for one instance; the one that came first is dropped first."""


class NewReceiver(Struct, frozen=True, kw_only=True):
    """Where an instance is told of decisions from now on. `secret`: sealed. `details`: what is shown of it, as JSON."""

    url: str
    secret: str
    details: str


class UpdateInstance(Struct, frozen=True, kw_only=True):
    """Change an instance. `key`, `body`: digests by which a repeat is known. What is not set stays as it is.

    Without a `receiver`, it is told of nothing any more.
    """

    instance: str
    provisioner: ApiPrincipal
    key: str
    body: str
    name: str | UnsetType = UNSET
    receiver: NewReceiver | UnsetType | None = UNSET
    workspace: str = DEFAULT_WORKSPACE


class UpdatedInstance(Struct, frozen=True, kw_only=True):
    """An instance after an update. `delivery`: what is shown of its receiver, as JSON."""

    view: InstanceView
    delivery: str | None


class InstanceUpdates:
    """The command that changes an instance, once for each key of its call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def earlier(self, command: UpdateInstance) -> UpdatedInstance | Refusal | None:
        """Return the answer to an earlier call with the same key, or None if there was none."""
        return await self._engine.store.read(lambda connection: _earlier(connection, command))

    async def update(self, command: UpdateInstance) -> UpdatedInstance | Refusal:
        """Change an instance, or return what the same call returned before."""
        updated = await self._engine.transact(lambda tx: update(tx, command))
        self._engine.authentication.forget(command.instance)
        return updated


def update(tx: Tx, command: UpdateInstance) -> UpdatedInstance | Refusal:
    """Change an instance: the unit of `InstanceUpdates.update`."""
    tx.take_turn(TURN)
    earlier = _earlier(tx.connection, command)
    if earlier is not None:
        return earlier
    stored = own(tx.connection, command.provisioner, command.instance)
    assert stored is not None, "it was found just now"
    maker = program(tx, command.workspace, command.provisioner)
    delivery = _set_receiver(tx, stored, command, maker)
    if isinstance(delivery, Refusal):
        return delivery
    name = _rename(tx, stored, command, maker)
    updated = UpdatedInstance(view=InstanceView(id=stored.id, name=name), delivery=delivery)
    api_keys.update_instance(tx, stored, name=name, updates=_with(tx, command, updated))
    return updated


def _earlier(connection: Connection, command: UpdateInstance) -> UpdatedInstance | Refusal | None:
    stored = own(connection, command.provisioner, command.instance)
    if stored is None or stored.revoked_at is not None:
        return NotFound(what="instance", name=command.instance)
    kept = _kept(connection, command.instance).get(command.key)
    if kept is None:
        return None
    if kept["body"] != command.body:
        return IdempotencyConflict(run=stored.id)
    return UpdatedInstance(view=InstanceView(id=stored.id, name=kept["name"]), delivery=kept["delivery"])


def _kept(connection: Connection, instance: str) -> dict[str, Any]:
    updates = api_keys.load_updates(connection, instance)
    kept: Any = json_values.loads(updates) if updates else {}
    return dict(kept)


def _with(tx: Tx, command: UpdateInstance, updated: UpdatedInstance) -> str:
    """Return the kept answers with a new one, and without those that are old."""
    since = timestamps.exact(tx.now - KEPT)
    kept = {key: answer for key, answer in _kept(tx.connection, command.instance).items() if answer["at"] >= since}
    answer = {"at": timestamps.exact(tx.now), "body": command.body, "name": updated.view.name}
    kept[command.key] = {**answer, "delivery": updated.delivery}
    return json_values.dumps(dict([*kept.items()][-MOST:]))


def _rename(tx: Tx, stored: StoredKey, command: UpdateInstance, maker: Person) -> str:
    """Give an instance its new name, and return the name that it has."""
    before = stored.principal.name
    if isinstance(command.name, UnsetType):
        return before
    name = free_name(tx, command.workspace, command.provisioner, command.name, own=before)
    if name != before:
        people.rename(tx, stored.person, name)
        record(tx, EntryKind.API_KEY_RENAMED, stored, actor=maker, facts={"protocol": PROTOCOL, "new_name": name})
    return name


def _set_receiver(tx: Tx, stored: StoredKey, command: UpdateInstance, maker: Person) -> str | Refusal | None:
    """Replace or end the receiver of an instance, and return what is shown of the one that it has."""
    endpoints = callback_endpoints.of_key(tx.connection, stored.id)
    present = next((endpoint for endpoint in endpoints if endpoint.protocol == PROTOCOL), None)
    receiver = command.receiver
    if isinstance(receiver, UnsetType):
        return None if present is None else present.details
    if receiver is None:
        if present is not None:
            endpoint_commands.end(tx, present, maker)
        return None
    if any(endpoint.url == receiver.url and endpoint != present for endpoint in endpoints):
        return InvalidCallback(why="taken", value=receiver.url)
    if present is None:
        _add(tx, stored, receiver, maker)
    else:
        _move(tx, present, receiver, maker)
    return receiver.details


def _add(tx: Tx, stored: StoredKey, receiver: NewReceiver, maker: Person) -> None:
    new = endpoint_commands.NewEndpoint(
        url=receiver.url, protocol=PROTOCOL, details=receiver.details, secret=receiver.secret
    )
    endpoint = endpoint_commands.insert(tx, stored, new, maker)
    ask_rows.tell(tx, stored.workspace, stored.principal.address, endpoint.id)


def _move(tx: Tx, endpoint: StoredEndpoint, receiver: NewReceiver, maker: Person) -> None:
    callback_endpoints.move(tx, endpoint.id, url=receiver.url, details=receiver.details, secret=receiver.secret)
    endpoint_commands.record(tx, EntryKind.CALLBACK_MOVED, endpoint, maker, {"url": receiver.url})
