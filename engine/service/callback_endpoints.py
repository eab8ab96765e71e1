"""The commands about the endpoints of callbacks: add, rotate, enable, remove."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from msgspec import Struct, structs

from engine import timestamps, webhooks
from engine.audit_entries import EntryKind, entry
from engine.code_derivation import Codes
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Address, NotAllowed, NotFound, Person, Refusal
from engine.domain.api_keys import ApiAction, may
from engine.domain.callbacks import (
    LONGEST_OVERLAP,
    LONGEST_URL,
    SEALED_FOR,
    AddCallback,
    CallbackChanged,
    CallbackEndpointView,
    CallbackSecretMade,
    EnableCallback,
    EndpointState,
    InvalidCallback,
    RemoveCallback,
    RotateCallback,
)
from engine.domain.people import API
from engine.errors import InvalidValue, StepError
from engine.json_values import Value
from engine.ports import Resolve
from engine.service.context import CommandContext
from engine.service.engine import Engine
from engine.steps.url_guard import Guard
from engine.store import api_keys, callback_endpoints
from engine.store.api_keys import StoredKey
from engine.store.callback_endpoints import StoredEndpoint
from engine.store.port import Tx

T = TypeVar("T")
_SHORTEST_KEY: Final = 24
"""Minimum length of the key in a secret that a receiver brings, in bytes, as the specification has it."""
_ADMINS_ONLY: Final = (
    "Only an admin can set up, change and remove endpoints of callbacks. Admins are named in SIGNOFF_ADMINS."
)


class CallbackEndpoints:
    """The commands about endpoints. `codes`: seals their secrets. `guard`, `resolve`: where callbacks may go."""

    def __init__(self, engine: Engine, codes: Codes, guard: Guard, resolve: Resolve) -> None:
        self._engine, self._codes, self._guard, self._resolve = engine, codes, guard, resolve

    async def add(self, command: AddCallback) -> CallbackSecretMade | Refusal:
        """Set an endpoint up. Its signing secret is in the result, and nowhere else in clear."""
        wrong = await self._what_is_wrong(command)
        if wrong is not None:
            return wrong

        def unit(tx: Tx, resolved: Resolved) -> CallbackSecretMade | Refusal:
            secret = command.secret or _new_secret(tx)
            added = add(self._engine.context, tx, command, resolved, self._codes.seal(secret, SEALED_FOR))
            return CallbackSecretMade(view=added, secret=secret) if isinstance(added, CallbackEndpointView) else added

        return await self._transact(unit)

    async def rotate(self, command: RotateCallback) -> CallbackSecretMade | Refusal:
        """Give an endpoint a new signing secret. For a while, callbacks are signed with the one before as well."""

        def unit(tx: Tx, resolved: Resolved) -> CallbackSecretMade | Refusal:
            secret = _new_secret(tx)
            rotated = rotate(self._engine.context, tx, command, resolved, self._codes.seal(secret, SEALED_FOR))
            return (
                CallbackSecretMade(view=rotated, secret=secret)
                if isinstance(rotated, CallbackEndpointView)
                else rotated
            )

        return await self._transact(unit)

    async def enable(self, command: EnableCallback) -> CallbackChanged | Refusal:
        """Send callbacks to an endpoint again whose receiver wanted none."""
        return await self._transact(lambda tx, resolved: enable(self._engine.context, tx, command, resolved))

    async def remove(self, command: RemoveCallback) -> CallbackChanged | Refusal:
        """End an endpoint, and forget its secrets. Callbacks that are on their way are not sent."""
        return await self._transact(lambda tx, resolved: remove(self._engine.context, tx, command, resolved))

    async def _transact(self, unit: Callable[[Tx, Resolved], T]) -> T:
        return await self._engine.transact_with_directory(unit, required=False)

    async def _what_is_wrong(self, command: AddCallback) -> InvalidCallback | None:
        """Return why nothing may be sent to a URL, or why a secret is none, or None."""
        if not 0 < len(command.url) <= LONGEST_URL:
            return InvalidCallback(why="url")
        try:
            if command.secret is not None and len(webhooks.key_of(command.secret)) < _SHORTEST_KEY:
                return InvalidCallback(why="secret")
        except InvalidValue:
            return InvalidCallback(why="secret")
        try:
            await self._guard.addresses(self._guard.check("POST", command.url), self._resolve)
        except StepError as error:
            return InvalidCallback(why="refused", value=str(error).partition(" was not sent: ")[2])
        return None


def add(
    context: CommandContext, tx: Tx, command: AddCallback, resolved: Resolved, sealed: str
) -> CallbackEndpointView | Refusal:
    """Set an endpoint up: the unit of `CallbackEndpoints.add`."""
    key = api_keys.find(tx.connection, command.workspace, command.key)
    actor = _allowed(context, tx, command.actor, command.workspace, resolved, key=None if key is None else key.id)
    if isinstance(actor, Refusal):
        return actor
    if key is None:
        return NotFound(what="API key", name=command.key)
    if key.revoked_at is not None:
        return InvalidCallback(why="key", value=key.principal.name)
    if callback_endpoints.find_own(tx.connection, key.principal.address, command.url) is not None:
        return InvalidCallback(why="taken", value=command.url)
    new = NewEndpoint(url=command.url, protocol=command.protocol, details=command.details, secret=sealed)
    return _view(tx, insert(tx, key, new, actor).id)


class NewEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint that is about to be written. `secret`: sealed."""

    url: str
    protocol: str
    details: str | None
    secret: str


def insert(tx: Tx, key: StoredKey, new: NewEndpoint, actor: Person) -> StoredEndpoint:
    """Write a new endpoint of an API key."""
    endpoint = StoredEndpoint(
        id=tx.new_id(),
        workspace=key.workspace,
        key=key.id,
        key_name=key.principal.name,
        person=key.person,
        **structs.asdict(new),
        previous_secret=None,
        previous_until=None,
        state=EndpointState.ACTIVE,
        error=None,
        failures=0,
        failing_since=None,
        rests_until=None,
    )
    callback_endpoints.insert_endpoint(tx, endpoint, by=actor.id)
    record(tx, EntryKind.CALLBACK_ADDED, endpoint, actor, {"url": new.url, "protocol": new.protocol})
    return endpoint


def rotate(
    context: CommandContext, tx: Tx, command: RotateCallback, resolved: Resolved, sealed: str
) -> CallbackEndpointView | Refusal:
    """Give an endpoint a new secret: the unit of `CallbackEndpoints.rotate`."""
    found = _find(context, tx, command, resolved)
    if isinstance(found, Refusal):
        return found
    endpoint, actor = found
    if not timedelta(0) <= command.overlap <= LONGEST_OVERLAP:
        return InvalidCallback(why="overlap")
    until = tx.now + command.overlap
    if not callback_endpoints.rotate(tx, endpoint.id, sealed, previous_until=until):
        return InvalidCallback(why="removed", value=endpoint.url)
    record(tx, EntryKind.CALLBACK_ROTATED, endpoint, actor, {"previous_until": timestamps.iso(until)})
    return _view(tx, endpoint.id)


def enable(context: CommandContext, tx: Tx, command: EnableCallback, resolved: Resolved) -> CallbackChanged | Refusal:
    """Switch an endpoint on again: the unit of `CallbackEndpoints.enable`."""
    found = _find(context, tx, command, resolved)
    if isinstance(found, Refusal):
        return found
    endpoint, actor = found
    if endpoint.state is EndpointState.REMOVED:
        return InvalidCallback(why="removed", value=endpoint.url)
    is_new = callback_endpoints.enable(tx, endpoint.id)
    if is_new:
        record(tx, EntryKind.CALLBACK_TURNED_ON, endpoint, actor, {})
    return CallbackChanged(view=_view(tx, endpoint.id), already=not is_new)


def remove(context: CommandContext, tx: Tx, command: RemoveCallback, resolved: Resolved) -> CallbackChanged | Refusal:
    """End an endpoint: the unit of `CallbackEndpoints.remove`."""
    found = _find(context, tx, command, resolved)
    if isinstance(found, Refusal):
        return found
    endpoint, actor = found
    is_new = end(tx, endpoint, actor)
    return CallbackChanged(view=_view(tx, endpoint.id), already=not is_new)


def end(tx: Tx, endpoint: StoredEndpoint, actor: Person) -> bool:
    """End an endpoint. Return False if it was removed before."""
    is_new = callback_endpoints.remove(tx, endpoint.id)
    if is_new:
        record(tx, EntryKind.CALLBACK_REMOVED, endpoint, actor, {})
    return is_new


def _find(
    context: CommandContext,
    tx: Tx,
    command: RotateCallback | EnableCallback | RemoveCallback,
    resolved: Resolved,
) -> tuple[StoredEndpoint, Person] | Refusal:
    """Return the endpoint that a command is about, and who acts, or why they may not."""
    endpoint = callback_endpoints.load(tx.connection, command.endpoint)
    key = None if endpoint is None else endpoint.key
    actor = _allowed(context, tx, command.actor, command.workspace, resolved, key=key)
    if isinstance(actor, Refusal):
        return actor
    return NotFound(what="endpoint", name=command.endpoint) if endpoint is None else (endpoint, actor)


def _allowed(
    context: CommandContext, tx: Tx, actor: Address, workspace: str, resolved: Resolved, *, key: str | None
) -> Person | Refusal:
    """Return who acts, if they may: an admin, the program of the `key` itself, or one that sets up others."""
    person = Recipients(tx, context.advancer.directory, resolved).actor(workspace, actor)
    if actor.kind == API:
        own = api_keys.load(tx.connection, actor.value)
        is_allowed = own is not None and (own.id == key or may(own.principal, ApiAction.PROVISION))
    else:
        is_allowed = context.may(person, actor)
    return person if is_allowed else NotAllowed(why=_ADMINS_ONLY)


def _new_secret(tx: Tx) -> str:
    """Return a new signing secret of 256 random bits."""
    return webhooks.secret_of(tx.ids.salt() + tx.ids.salt())


def record(tx: Tx, kind: EntryKind, endpoint: StoredEndpoint, actor: Person, facts: dict[str, Value]) -> None:
    """Note in the log what was done with an endpoint."""
    content = {"endpoint": endpoint.id, "key": endpoint.key, "name": endpoint.key_name, **facts}
    tx.audit(endpoint.workspace, entry(kind, actor=actor, content=content))


def _view(tx: Tx, endpoint: str) -> CallbackEndpointView:
    view = callback_endpoints.view(tx.connection, endpoint)
    assert view is not None
    return view
