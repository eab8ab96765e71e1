"""The commands of operators about API keys: create, rotate, revoke."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from engine import api_key_text, timestamps
from engine.audit_entries import EntryKind
from engine.code_derivation import hashed
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Address, NotAllowed, NotFound, Person, Refusal
from engine.domain.api_keys import (
    LONGEST_LIFETIME,
    LONGEST_NAME,
    LONGEST_OVERLAP,
    MOST_PER_MINUTE,
    ApiKeyEnded,
    ApiKeyMade,
    ApiKeyRevoked,
    ApiKeyRotated,
    ApiKeyView,
    ApiPrincipal,
    CreateApiKey,
    InvalidApiKey,
    RevokeApiKey,
    RotateApiKey,
    is_covered,
)
from engine.domain.people import API
from engine.json_values import Value
from engine.references import EMAIL, parse
from engine.service.api_authentication import record
from engine.service.context import CommandContext
from engine.service.engine import Engine
from engine.store import api_keys, people, workflows
from engine.store.api_keys import StoredKey
from engine.store.key_reconciliation import fingerprint
from engine.store.port import Tx

C = TypeVar("C")
T = TypeVar("T")
_TURN: Final = "api keys"
_PATTERN: Final = re.compile(r"[A-Za-z0-9_*?-]{1,100}")
_ADMINS_ONLY: Final = "Only an admin can create, rotate and revoke API keys. Admins are named in SIGNOFF_ADMINS."


class ApiKeys:
    """The commands about the API keys of an installation."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def create(self, command: CreateApiKey) -> ApiKeyMade | Refusal:
        """Create the API key of a program. Its text is in the result, and nowhere else."""
        return await self._transact(create, command)

    async def rotate(self, command: RotateApiKey) -> ApiKeyMade | Refusal:
        """Give an API key a new text. The one before still works for a while."""
        return await self._transact(rotate, command)

    async def revoke(self, command: RevokeApiKey) -> ApiKeyRevoked | Refusal:
        """End an API key for good. This engine refuses it at once, and every other one within a second."""
        return await self._transact(revoke, command)

    async def _transact(self, unit: Callable[[CommandContext, Tx, C, Resolved], T], command: C) -> T:
        result = await self._engine.transact_with_directory(
            lambda tx, resolved: unit(self._engine.context, tx, command, resolved), required=False
        )
        if isinstance(result, ApiKeyMade | ApiKeyRevoked):
            self._engine.authentication.forget(result.view.id)
        return result


def create(context: CommandContext, tx: Tx, command: CreateApiKey, resolved: Resolved) -> ApiKeyMade | Refusal:
    """Create a key: the unit of `ApiKeys.create`."""
    actor = _admin(context, tx, command, resolved)
    if isinstance(actor, Refusal):
        return actor
    name = command.name.strip()
    tx.take_turn(_TURN)
    wrong = _what_is_wrong(tx, command, name)
    if wrong is not None:
        return wrong
    secret = tx.ids.token()
    stored = _new_key(tx, command, name, hashed(secret))
    api_keys.insert_key(tx, stored, by=actor.id)
    record(tx, EntryKind.API_KEY_CREATED, stored, actor=actor, facts=limits(stored))
    return _made(tx, stored, secret, unmatched=_unmatched(tx, command))


def _new_key(tx: Tx, command: CreateApiKey, name: str, new_hash: bytes) -> StoredKey:
    """Return a key with a person of its own, which names the program in the record."""
    principal = _principal(tx.new_id(), name, command)
    evidence = "An API key was created for it."
    return StoredKey(
        principal=principal,
        workspace=command.workspace,
        person=people.need_person(tx, command.workspace, principal.address, name=name, evidence=evidence).id,
        hash=new_hash,
        created_at=tx.now,
        expires_at=None if command.lifetime is None else tx.now + command.lifetime,
    )


def _principal(key: str, name: str, command: CreateApiKey) -> ApiPrincipal:
    return ApiPrincipal(
        id=key,
        name=name,
        address=Address(API, key),
        actions=frozenset(command.actions),
        workflows=command.workflows,
        acts_for=_email(command.acts_for),
        per_minute=command.per_minute,
    )


def _unmatched(tx: Tx, command: CreateApiKey) -> tuple[str, ...]:
    """Return the patterns that fit no registered workflow."""
    names = workflows.load_names(tx.connection, command.workspace)
    patterns = command.workflows or ()
    return tuple(pattern for pattern in patterns if not any(is_covered([pattern], name) for name in names))


def rotate(context: CommandContext, tx: Tx, command: RotateApiKey, resolved: Resolved) -> ApiKeyMade | Refusal:
    """Give a key a new text: the unit of `ApiKeys.rotate`. An overlap of zero ends all older texts at once."""
    found = _find(context, tx, command, resolved)
    if isinstance(found, Refusal):
        return found
    if (refused := _cannot_rotate(tx, command, found.key)) is not None:
        return refused
    stored, secret = found.key, tx.ids.token()
    lifetime = command.lifetime or stored.lifetime
    until = _previous_until(stored, tx.now, command.overlap)
    expires_at = None if lifetime is None else tx.now + lifetime
    api_keys.rotate(tx, stored, hashed(secret), by=found.actor.id, previous_until=until, expires_at=expires_at)
    times: dict[str, Value] = {"previous_until": _time(until), "expires_at": _time(expires_at)}
    facts = {**times, "fingerprint": fingerprint(hashed(secret))}
    record(tx, EntryKind.API_KEY_ROTATED, stored, actor=found.actor, facts=facts)
    return _made(tx, stored, secret)


def revoke(context: CommandContext, tx: Tx, command: RevokeApiKey, resolved: Resolved) -> ApiKeyRevoked | Refusal:
    """End a key for good: the unit of `ApiKeys.revoke`."""
    found = _find(context, tx, command, resolved)
    if isinstance(found, Refusal):
        return found
    is_new = api_keys.revoke(tx, found.key.id, by=found.actor.id)
    if is_new:
        record(tx, EntryKind.API_KEY_REVOKED, found.key, actor=found.actor, facts={})
    return ApiKeyRevoked(view=_view(tx, found.key), already=not is_new)


@dataclass(frozen=True, slots=True)
class _ManagedKey:
    """The key that a command is about, and the admin who gave the command."""

    actor: Person
    key: StoredKey


def _find(
    context: CommandContext, tx: Tx, command: RotateApiKey | RevokeApiKey, resolved: Resolved
) -> _ManagedKey | Refusal:
    actor = _admin(context, tx, command, resolved)
    if isinstance(actor, Refusal):
        return actor
    key = api_keys.find(tx.connection, command.workspace, command.key)
    return NotFound(what="API key", name=command.key) if key is None else _ManagedKey(actor, key)


def _admin(
    context: CommandContext, tx: Tx, command: CreateApiKey | RotateApiKey | RevokeApiKey, resolved: Resolved
) -> Person | Refusal:
    actor = Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.actor)
    return actor if context.may(actor, command.actor) else NotAllowed(why=_ADMINS_ONLY)


def _what_is_wrong(tx: Tx, command: CreateApiKey, name: str) -> InvalidApiKey | None:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or api_key_text.PREFIX in name:
        return InvalidApiKey(why="name")
    if api_keys.is_taken(tx.connection, command.workspace, name):
        return InvalidApiKey(why="name_taken", value=name)
    return _wrong_limit(command)


def _wrong_limit(command: CreateApiKey) -> InvalidApiKey | None:
    if not command.actions:
        return InvalidApiKey(why="action")
    if command.workflows is not None:
        wrong = [pattern for pattern in command.workflows or ("",) if _PATTERN.fullmatch(pattern) is None]
        if wrong:
            return InvalidApiKey(why="workflow", value=wrong[0])
    if command.acts_for is not None and _email(command.acts_for) is None:
        return InvalidApiKey(why="acts_for", value=command.acts_for)
    if not 1 <= command.per_minute <= MOST_PER_MINUTE:
        return InvalidApiKey(why="per_minute", value=str(command.per_minute))
    return None if _is_lifetime(command.lifetime) else InvalidApiKey(why="lifetime")


def _email(text: str | None) -> str | None:
    """Return the email address that a text is, in small letters, or None if it is none."""
    reference = parse(text)
    return reference.value if reference is not None and reference.kind == EMAIL else None


def _is_lifetime(lifetime: timedelta | None) -> bool:
    return lifetime is None or timedelta(0) < lifetime <= LONGEST_LIFETIME


def _cannot_rotate(tx: Tx, command: RotateApiKey, stored: StoredKey) -> Refusal | None:
    if stored.revoked_at is not None:
        return ApiKeyEnded(name=stored.principal.name, at=stored.revoked_at)
    if not timedelta(0) <= command.overlap <= LONGEST_OVERLAP:
        return InvalidApiKey(why="overlap")
    if not _is_lifetime(command.lifetime):
        return InvalidApiKey(why="lifetime")
    until = stored.previous_until
    if command.overlap and until is not None and until > tx.now and stored.rotated_at is not None:
        view = _view(tx, stored)
        return ApiKeyRotated(name=view.name, by=view.rotated_by or "", at=stored.rotated_at, until=until)
    return None


def _previous_until(stored: StoredKey, now: datetime, overlap: timedelta) -> datetime | None:
    """Return until when the present text of a key works after a rotation, or None if it stops working now."""
    until = now + overlap if stored.expires_at is None else min(now + overlap, stored.expires_at)
    return until if until > now else None


def limits(stored: StoredKey) -> dict[str, Value]:
    """Return what the log says of a new key: what it may, and what its text can be compared with."""
    principal = stored.principal
    return {
        "actions": list[Value](sorted(action.value for action in principal.actions)),
        "workflows": None if principal.workflows is None else list[Value](principal.workflows),
        "acts_for": principal.acts_for,
        "per_minute": principal.per_minute,
        "expires_at": _time(stored.expires_at),
        "fingerprint": fingerprint(stored.hash),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamps.iso(moment)


def _made(tx: Tx, stored: StoredKey, secret: str, *, unmatched: tuple[str, ...] = ()) -> ApiKeyMade:
    return ApiKeyMade(view=_view(tx, stored), text=api_key_text.write(stored.id, secret), unmatched=unmatched)


def _view(tx: Tx, stored: StoredKey) -> ApiKeyView:
    view = api_keys.find_view(tx.connection, stored.workspace, stored.id)
    assert view is not None
    return view
