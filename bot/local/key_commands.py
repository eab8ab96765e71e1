"""The commands of this machine's operator about API keys."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import structs

from bot.local.arguments import optional_number, optional_text, read_text
from bot.local.reply import CommandReply
from bot.presentation.dates import iso
from engine.domain import Address, Origin, Refusal
from engine.domain.api_keys import (
    OVERLAP,
    PER_MINUTE,
    ApiAction,
    ApiKeyMade,
    ApiKeyRevoked,
    ApiKeyView,
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
)
from engine.json_values import Value
from engine.service import ApiKeys


class Act(Protocol):
    """Carries out one of the commands."""

    def __call__(
        self, keys: ApiKeys, arguments: dict[str, Any], *, actor: Address, origin: Origin
    ) -> Awaitable[ApiKeyMade | ApiKeyRevoked | Refusal]: ...


async def create(keys: ApiKeys, arguments: dict[str, Any], *, actor: Address, origin: Origin) -> ApiKeyMade | Refusal:
    """Carry out `create_api_key`, with its arguments as JSON has them."""
    patterns = _texts(arguments, "workflows")
    command = CreateApiKey(
        name=read_text(arguments, "name"),
        actions=tuple(ApiAction(action) for action in _texts(arguments, "actions") or (ApiAction.ASK.value,)),
        workflows=patterns or None,
        acts_for=optional_text(arguments, "acts_for"),
        per_minute=optional_number(arguments, "per_minute") or PER_MINUTE,
        lifetime=_seconds(arguments, "lifetime"),
        actor=actor,
        origin=origin,
    )
    return await keys.create(command)


async def rotate(keys: ApiKeys, arguments: dict[str, Any], *, actor: Address, origin: Origin) -> ApiKeyMade | Refusal:
    """Carry out `rotate_api_key`."""
    overlap = _seconds(arguments, "overlap")
    command = RotateApiKey(
        key=read_text(arguments, "key"),
        overlap=OVERLAP if overlap is None else overlap,
        lifetime=_seconds(arguments, "lifetime"),
        actor=actor,
        origin=origin,
    )
    return await keys.rotate(command)


async def revoke(
    keys: ApiKeys, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> ApiKeyRevoked | Refusal:
    """Carry out `revoke_api_key`."""
    return await keys.revoke(RevokeApiKey(key=read_text(arguments, "key"), actor=actor, origin=origin))


def reply(result: ApiKeyMade | ApiKeyRevoked) -> CommandReply:
    """Return what there is now, and the text of a key that was made: this is the only answer that has it."""
    facts = as_json(result.view)
    if isinstance(result, ApiKeyRevoked):
        return CommandReply(facts={**facts, "already": result.already})
    return CommandReply(facts={**facts, "key": result.text, "unmatched": list[Value](result.unmatched)})


def as_json(view: ApiKeyView) -> dict[str, Value]:
    """Return a key as `--json` prints it, without its state, which depends on the time."""
    return {name: _plain(value) for name, value in structs.asdict(view).items()}


def _plain(value: Any) -> Value:
    if isinstance(value, datetime):
        return iso(value)
    return [str(part) for part in value] if isinstance(value, tuple) else value


def _texts(arguments: dict[str, Any], name: str) -> tuple[str, ...]:
    values = arguments.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name} is not a list of texts")
    return tuple(values)


def _seconds(arguments: dict[str, Any], name: str) -> timedelta | None:
    seconds = optional_number(arguments, name)
    return None if seconds is None else timedelta(seconds=seconds)
