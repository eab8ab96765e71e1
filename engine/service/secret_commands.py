"""The commands about secrets: set, delete, encrypt anew. Values are in no result, no entry and no log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeVar

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import DEFAULT_WORKSPACE, NotAllowed, NotFound, Person, Refusal
from engine.domain.secret_commands import (
    LONGEST_NAME,
    LONGEST_SECRET,
    OLD_VALUES_KEPT,
    DeleteSecret,
    InvalidSecret,
    NoSecretKey,
    RotateSecrets,
    SecretDeleted,
    SecretSet,
    SecretsRotated,
    SecretView,
    SetSecret,
)
from engine.errors import DefinitionError, SignoffError
from engine.json_values import Value
from engine.redaction import MIN_LENGTH
from engine.secret_keys import KeysOfSecrets, SecretKeys, SecretPlace
from engine.server_secrets import ServerSecrets
from engine.service.context import CommandContext
from engine.service.engine import Engine
from engine.store import secrets, workflows
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.workflowfile import secret_names
from engine.workflowfile.scalars import SECRET_NAME

T = TypeVar("T")
_TURN: Final = "secrets"
_ADMINS_ONLY: Final = "Only an admin can set, delete and encrypt secrets. Admins are named in SIGNOFF_ADMINS."


class SecretCommands:
    """The commands. `keys`: where the keys are kept. `known`: what this process knows of the secrets."""

    def __init__(self, engine: Engine, known: ServerSecrets, keys: KeysOfSecrets) -> None:
        self._engine, self._known, self._keys = engine, known, keys

    async def load(self) -> None:
        """Read the secrets, and remove old values. Raises `StoreError`, and `SignoffError` for unusable keys."""
        await self._engine.transact(lambda tx: secrets.remove_old(tx, before=tx.now - OLD_VALUES_KEPT))
        await self._known.refresh()

    async def views(self) -> list[SecretView]:
        """Return the secrets by their names, without values."""
        return await self._engine.store.read(lambda connection: secrets.views(connection, DEFAULT_WORKSPACE))

    async def set(self, command: SetSecret) -> SecretSet | Refusal:
        """Set a secret. Every process uses the value within seconds."""
        if (wrong := _what_is_wrong(command)) is not None:
            return wrong
        # Before a key is made: a command that is refused leaves no file behind.
        refused = await self._transact(lambda tx, resolved: _check(self._engine.context, tx, command, resolved))
        keys = refused or self._usable(self._keys.need)
        if isinstance(keys, Refusal):
            return keys
        result = await self._transact(lambda tx, resolved: set_(self._engine.context, tx, command, resolved, keys))
        if isinstance(result, Refusal):
            return result
        await self._known.refresh()
        view, replaced = result
        return SecretSet(view=view, replaced=replaced, in_environment=self._known.in_environment(command.name))

    async def delete(self, command: DeleteSecret) -> SecretDeleted | Refusal:
        """Delete a secret. Its value is kept for a while, encrypted, only to be found in texts."""
        result = await self._transact(lambda tx, resolved: delete(self._engine.context, tx, command, resolved))
        if isinstance(result, Refusal):
            return result
        await self._known.refresh()
        used_by = await self.used_by(command.name, command.workflow)
        left = await self._engine.store.read(
            lambda found: secrets.find(found, SecretPlace(command.workspace, None, command.name))
        )
        instead: Literal["workspace", "environment"] | None = "workspace" if left is not None else None
        if instead is None and self._known.in_environment(command.name):
            instead = "environment"
        return SecretDeleted(view=result, used_by=used_by, instead=instead)

    async def used_by(self, name: str, workflow: str | None = None) -> tuple[str, ...]:
        """Return the workflows that use a secret: the one that it is for, or all that have none of this name."""
        sources = await self._engine.store.read(lambda connection: _sources(connection, name, workflow))
        return tuple(found for found, source in sources if name in self._names(source))

    async def rotate(self, command: RotateSecrets) -> SecretsRotated | Refusal:
        """Encrypt all secrets anew: with a new key, or with the first key of the setting."""
        refused = await self._transact(lambda tx, resolved: _admin(self._engine.context, tx, command, resolved))
        keys = refused if isinstance(refused, Refusal) else self._usable(self._keys.add)
        if isinstance(keys, Refusal):
            return keys
        result = await self._transact(lambda tx, resolved: rotate(self._engine.context, tx, command, resolved, keys))
        if isinstance(result, SecretsRotated):
            await self._known.refresh()
            if not result.unreadable:
                self._keys.forget_others()
        return result

    def _usable(self, load: Callable[[], SecretKeys]) -> SecretKeys | Refusal:
        try:
            return load()
        except SignoffError as error:
            return NoSecretKey(why=str(error))

    def _names(self, source: bytes) -> frozenset[str]:
        try:
            return secret_names.of_workflow(self._engine.context.advancer.registered(source))
        except DefinitionError:
            return frozenset()

    async def _transact(self, unit: Callable[[Tx, Resolved], T]) -> T:
        return await self._engine.transact_with_directory(unit, required=False)


def set_(
    context: CommandContext, tx: Tx, command: SetSecret, resolved: Resolved, keys: SecretKeys
) -> tuple[SecretView, bool] | Refusal:
    """Set a secret, and return whether it was set before: the unit of `SecretCommands.set`."""
    actor = _admin(context, tx, command, resolved)
    if isinstance(actor, Refusal):
        return actor
    tx.take_turn(_TURN)
    place = SecretPlace(command.workspace, command.workflow, command.name)
    secrets.remove_old(tx, before=tx.now - OLD_VALUES_KEPT)
    before = secrets.find(tx.connection, place)
    if before is not None:
        secrets.end(tx, before.id)
    stored = secrets.insert_secret(tx, place, keys.seal(command.value, place, tx.ids.salt()), by=actor.id)
    _record(tx, EntryKind.SECRET_SET, place, actor, replaced=before is not None)
    return secrets.view_of(stored, actor.label), before is not None


def delete(context: CommandContext, tx: Tx, command: DeleteSecret, resolved: Resolved) -> SecretView | Refusal:
    """Delete a secret: the unit of `SecretCommands.delete`."""
    actor = _admin(context, tx, command, resolved)
    if isinstance(actor, Refusal):
        return actor
    tx.take_turn(_TURN)
    place = SecretPlace(command.workspace, command.workflow, command.name)
    stored = secrets.find(tx.connection, place)
    if stored is None:
        return NotFound(what="secret", name=command.name)
    secrets.end(tx, stored.id)
    _record(tx, EntryKind.SECRET_DELETED, place, actor)
    return secrets.view_of(stored, actor.label)


def rotate(
    context: CommandContext, tx: Tx, command: RotateSecrets, resolved: Resolved, keys: SecretKeys
) -> SecretsRotated | Refusal:
    """Encrypt all values with the current key: the unit of `SecretCommands.rotate`."""
    actor = _admin(context, tx, command, resolved)
    if isinstance(actor, Refusal):
        return actor
    tx.take_turn(_TURN)
    count, unreadable = 0, list[str]()
    for stored in secrets.load_all(tx.connection, command.workspace):
        if stored.sealed.key == keys.current:
            continue
        value = keys.open(stored.sealed, stored.place)
        if value is not None:
            secrets.reseal(tx, stored.id, keys.seal(value, stored.place, tx.ids.salt()))
            count += 1
        else:
            unreadable.append(stored.place.name)
    facts: dict[str, Value] = {"count": count, "key": keys.current}
    tx.audit(command.workspace, entry(EntryKind.SECRET_ROTATED, actor=actor, content=facts))
    return SecretsRotated(count=count, unreadable=tuple(dict.fromkeys(unreadable)))


def _record(tx: Tx, kind: EntryKind, place: SecretPlace, actor: Person, *, replaced: bool = False) -> None:
    facts: dict[str, Value] = {"replaced": True} if replaced else {}
    content: dict[str, Value] = {"name": place.name, "workflow": place.workflow, **facts}
    tx.audit(place.workspace, entry(kind, actor=actor, content=content))


def _check(context: CommandContext, tx: Tx, command: SetSecret, resolved: Resolved) -> Refusal | None:
    actor = _admin(context, tx, command, resolved)
    if isinstance(actor, Refusal):
        return actor
    if command.workflow is None or command.workflow in workflows.load_names(tx.connection, command.workspace):
        return None
    return NotFound(what="workflow", name=command.workflow)


def _admin(
    context: CommandContext, tx: Tx, command: SetSecret | DeleteSecret | RotateSecrets, resolved: Resolved
) -> Person | Refusal:
    actor = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    return actor if context.may(actor, command.actor) else NotAllowed(why=_ADMINS_ONLY)


def _what_is_wrong(command: SetSecret) -> InvalidSecret | None:
    if SECRET_NAME.fullmatch(command.name) is None or len(command.name) > LONGEST_NAME:
        return InvalidSecret(why="name", value=command.name)
    if not command.value:
        return InvalidSecret(why="empty")
    if len(command.value.strip()) < MIN_LENGTH:
        return InvalidSecret(why="short")
    return InvalidSecret(why="long") if len(command.value) > LONGEST_SECRET else None


def _sources(connection: Connection, name: str, workflow: str | None) -> list[tuple[str, bytes]]:
    """Return the current sources of the workflows that may use a secret and in which its name stands."""
    own = {
        stored.place.workflow
        for stored in secrets.load_current(connection, DEFAULT_WORKSPACE)
        if stored.place.name == name
    }
    return [
        (version.name, bytes(version.source))
        for version in workflows.load_workflows(connection, DEFAULT_WORKSPACE)
        if (version.name == workflow if workflow is not None else version.name not in own)
        and name.encode() in version.source
    ]
