"""Instances of the Agent Approval Protocol: API keys that a program with the action `provision` makes for agents."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.audit_entries import EntryKind
from engine.domain import DEFAULT_WORKSPACE, NotFound, Origin, Person, Refusal
from engine.domain.api_keys import ApiAction, ApiKeyEnded, ApiPrincipal
from engine.domain.asks import AskPage, AskStatus, CancelAsk, IdempotencyConflict
from engine.domain.people import API, Address
from engine.service.api_authentication import record
from engine.service.api_keys import limits
from engine.service.engine import Engine
from engine.store import api_keys, callback_endpoints, people
from engine.store.api_keys import StoredKey
from engine.store.callback_endpoints import StoredEndpoint
from engine.store.connection import Connection
from engine.store.port import Tx

PROTOCOL: Final = "aap"
"""The name of the protocol, in endpoints and in the log."""
UNDER: Final = " / "
"""What stands between the name of a provisioner and that of its instance."""
TURN: Final = "api keys"
"""The turn that commands take which write keys of programs."""
_AT_ONCE: Final = 100
"""Number of asks that are withdrawn before the next are read."""


_EVIDENCE: Final = "It is the key of a program."


class ProvisionInstance(Struct, frozen=True, kw_only=True):
    """Make an instance. `id`, `hash`: of its key, derived from what was sent, so that a repeat finds the same one."""

    id: str
    hash: bytes
    name: str | None
    provisioner: ApiPrincipal
    workspace: str = DEFAULT_WORKSPACE


class InstanceView(Struct, frozen=True, kw_only=True):
    """An instance as its provisioner sees it. `created`: False if an earlier call with the same key made it."""

    id: str
    name: str
    created: bool = False


class Instances:
    """The commands about instances. Each is only about those of the provisioner that calls."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def provision(self, command: ProvisionInstance) -> InstanceView | Refusal:
        """Make an instance, or return the one that the same call made before."""
        return await self._engine.transact(lambda tx: provision(tx, command))

    async def earlier(self, command: ProvisionInstance) -> InstanceView | Refusal | None:
        """Return what an earlier call with the same key made, or None if there was none."""
        return await self._engine.store.read(lambda connection: _earlier(connection, command))

    async def find(self, provisioner: ApiPrincipal, instance: str) -> InstanceView | NotFound:
        """Return an instance that was not ended."""
        stored = await self._engine.store.read(lambda connection: own(connection, provisioner, instance))
        if stored is None or stored.revoked_at is not None:
            return NotFound(what="instance", name=instance)
        return InstanceView(id=stored.id, name=stored.principal.name)

    async def endpoint(self, instance: str) -> StoredEndpoint | None:
        """Return the endpoint that is told of what a key asks by the protocol, or None if there is none."""
        endpoints = await self._engine.store.read(lambda connection: callback_endpoints.of_key(connection, instance))
        return next((endpoint for endpoint in endpoints if endpoint.protocol == PROTOCOL), None)

    async def was_told(self, instance: str) -> bool:
        """Return whether a key has or had such an endpoint."""
        return await self._engine.store.read(
            lambda connection: callback_endpoints.was_added(connection, instance, PROTOCOL)
        )

    async def retire(self, provisioner: ApiPrincipal, instance: str, origin: Origin) -> NotFound | None:
        """End an instance: its key, its callbacks, and all that it still asks. It may be ended again."""
        ended = await self._engine.transact(lambda tx: retire(tx, provisioner, instance))
        if isinstance(ended, NotFound):
            return ended
        self._engine.authentication.forget(instance)
        await self._withdraw(Address(API, instance), origin)
        return None

    async def _withdraw(self, asker: Address, origin: Origin) -> None:
        before: str | None = None
        while page := await self._engine.asks(AskPage(status=AskStatus.PENDING, limit=_AT_ONCE, before=before), asker):
            for view in page:
                await self._engine.cancel_ask(
                    CancelAsk(ask=view.id, actor=asker, origin=origin, reason="The agent was ended.")
                )
            before = page[-1].id


def provision(tx: Tx, command: ProvisionInstance) -> InstanceView | Refusal:
    """Write the key of an instance: the unit of `Instances.provision`."""
    tx.take_turn(TURN)
    earlier = _earlier(tx.connection, command)
    if earlier is not None:
        return earlier
    maker = program(tx, command.workspace, command.provisioner)
    name = free_name(tx, command.workspace, command.provisioner, command.name or command.id[-4:])
    principal = _principal(command, name)
    agent = program(tx, command.workspace, principal)
    stored = StoredKey(
        principal=principal,
        workspace=command.workspace,
        person=agent.id,
        hash=command.hash,
        created_at=tx.now,
    )
    api_keys.insert_key(tx, stored, by=maker.id)
    record(tx, EntryKind.API_KEY_CREATED, stored, actor=maker, facts={**limits(stored), "protocol": PROTOCOL})
    return InstanceView(id=stored.id, name=name, created=True)


def _principal(command: ProvisionInstance, name: str) -> ApiPrincipal:
    """Return what an instance may: to ask, within the limits of its provisioner."""
    return replace(
        command.provisioner,
        id=command.id,
        name=name,
        address=Address(API, command.id),
        actions=frozenset({ApiAction.ASK}),
    )


def program(tx: Tx, workspace: str, principal: ApiPrincipal) -> Person:
    """Return the person that names a program in the record."""
    return people.need_person(tx, workspace, principal.address, name=principal.name, evidence=_EVIDENCE)


def retire(tx: Tx, provisioner: ApiPrincipal, instance: str) -> StoredKey | NotFound:
    """End the key and the callbacks of an instance: the unit of `Instances.retire`."""
    # An update at the same time must not leave a receiver behind.
    tx.take_turn(TURN)
    stored = own(tx.connection, provisioner, instance)
    if stored is None:
        return NotFound(what="instance", name=instance)
    maker = program(tx, stored.workspace, provisioner)
    # First: the end of what it asks is no news for its receiver.
    for endpoint in callback_endpoints.of_key(tx.connection, stored.id):
        callback_endpoints.remove(tx, endpoint.id)
    if api_keys.revoke(tx, stored.id, by=maker.id):
        record(tx, EntryKind.API_KEY_REVOKED, stored, actor=maker, facts={"protocol": PROTOCOL})
    return stored


def _earlier(connection: Connection, command: ProvisionInstance) -> InstanceView | Refusal | None:
    stored = own(connection, command.provisioner, command.id)
    if stored is None:
        return None
    if stored.revoked_at is not None:
        return ApiKeyEnded(name=stored.principal.name, at=stored.revoked_at)
    if stored.hash != command.hash:
        return IdempotencyConflict(run=stored.id)
    return InstanceView(id=stored.id, name=stored.principal.name)


def own(connection: Connection, provisioner: ApiPrincipal, instance: str) -> StoredKey | None:
    """Return an instance that this program made. Those of others it never learns of."""
    maker = people.find_person(connection, DEFAULT_WORKSPACE, provisioner.address)
    if maker is None or api_keys.creator(connection, instance) != maker.id:
        return None
    return api_keys.load(connection, instance)


def free_name(tx: Tx, workspace: str, provisioner: ApiPrincipal, wanted: str, *, own: str | None = None) -> str:
    """Return the name of an instance: below that of its provisioner, and with a number if it is taken.

    `own`: the name that it has.

    Rules and people know programs by names that an admin gave, so a program cannot give an instance any other.
    """
    whole = f"{provisioner.name}{UNDER}{wanted}"
    name, number = whole, 1
    while name != own and api_keys.is_taken(tx.connection, workspace, name):
        number += 1
        name = f"{whole} {number}"
    return name
