"""The commands of this machine's operator about the endpoints of callbacks."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Protocol

from bot.local.arguments import optional_number, optional_text, read_text
from bot.local.reply import CommandReply
from bot.presentation.dates import iso
from engine.domain import Address, Origin, Refusal
from engine.domain.callbacks import (
    OVERLAP,
    AddCallback,
    CallbackChanged,
    CallbackEndpointView,
    CallbackSecretMade,
    EnableCallback,
    RemoveCallback,
    RotateCallback,
)
from engine.json_values import Value
from engine.service import CallbackEndpoints


class EndpointAct(Protocol):
    """Carries out one of the commands."""

    def __call__(
        self, endpoints: CallbackEndpoints, arguments: dict[str, Any], *, actor: Address, origin: Origin
    ) -> Awaitable[CallbackSecretMade | CallbackChanged | Refusal]: ...


async def add(
    endpoints: CallbackEndpoints, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> CallbackSecretMade | Refusal:
    """Carry out `add_callback`, with its arguments as JSON has them."""
    return await endpoints.add(
        AddCallback(
            key=read_text(arguments, "key"),
            url=read_text(arguments, "url"),
            secret=optional_text(arguments, "secret"),
            actor=actor,
            origin=origin,
        )
    )


async def rotate(
    endpoints: CallbackEndpoints, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> CallbackSecretMade | Refusal:
    """Carry out `rotate_callback`."""
    seconds = optional_number(arguments, "overlap")
    overlap = OVERLAP if seconds is None else timedelta(seconds=seconds)
    endpoint = read_text(arguments, "endpoint")
    return await endpoints.rotate(RotateCallback(endpoint=endpoint, overlap=overlap, actor=actor, origin=origin))


async def enable(
    endpoints: CallbackEndpoints, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> CallbackChanged | Refusal:
    """Carry out `enable_callback`."""
    return await endpoints.enable(EnableCallback(endpoint=read_text(arguments, "endpoint"), actor=actor, origin=origin))


async def remove(
    endpoints: CallbackEndpoints, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> CallbackChanged | Refusal:
    """Carry out `remove_callback`."""
    return await endpoints.remove(RemoveCallback(endpoint=read_text(arguments, "endpoint"), actor=actor, origin=origin))


def reply(result: CallbackSecretMade | CallbackChanged) -> CommandReply:
    """Return what there is now, and a secret that was made: this is the only answer that has it."""
    facts = as_json(result.view)
    if isinstance(result, CallbackChanged):
        return CommandReply(facts={**facts, "already": result.already})
    return CommandReply(facts={**facts, "secret": result.secret})


def as_json(view: CallbackEndpointView) -> dict[str, Value]:
    """Return an endpoint as `--json` prints it."""
    return {
        "id": view.id,
        "key": view.key,
        "key_name": view.key_name,
        "url": view.url,
        "state": view.state.value,
        "error": view.error,
        "failing_since": iso(view.failing_since),
        "failures": view.failures,
        "created_by": view.created_by,
        "created_at": iso(view.created_at),
        "rotated_at": iso(view.rotated_at),
        "previous_until": iso(view.previous_until),
    }
