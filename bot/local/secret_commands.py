"""The commands of this machine's operator about secrets. A value comes in, and none goes out."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from bot.local.arguments import optional_text, read_text
from bot.local.reply import CommandReply
from bot.presentation.dates import iso
from engine.domain import Address, Origin, Refusal
from engine.domain.secret_commands import (
    DeleteSecret,
    RotateSecrets,
    SecretDeleted,
    SecretSet,
    SecretsRotated,
    SecretView,
    SetSecret,
)
from engine.json_values import Value
from engine.service import SecretCommands


class SecretAct(Protocol):
    """Carries out one of the commands."""

    def __call__(
        self, secrets: SecretCommands, arguments: dict[str, Any], *, actor: Address, origin: Origin
    ) -> Awaitable[SecretSet | SecretDeleted | SecretsRotated | Refusal]: ...


async def set_(
    secrets: SecretCommands, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> SecretSet | Refusal:
    """Carry out `set_secret`, with its arguments as JSON has them."""
    return await secrets.set(
        SetSecret(
            name=read_text(arguments, "name"),
            value=read_text(arguments, "value"),
            workflow=optional_text(arguments, "workflow"),
            actor=actor,
            origin=origin,
        )
    )


async def delete(
    secrets: SecretCommands, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> SecretDeleted | Refusal:
    """Carry out `delete_secret`."""
    name, workflow = read_text(arguments, "name"), optional_text(arguments, "workflow")
    return await secrets.delete(DeleteSecret(name=name, workflow=workflow, actor=actor, origin=origin))


async def rotate(
    secrets: SecretCommands,
    arguments: dict[str, Any],  # noqa: ARG001 as the other commands have them
    *,
    actor: Address,
    origin: Origin,
) -> SecretsRotated | Refusal:
    """Carry out `rotate_secrets`."""
    return await secrets.rotate(RotateSecrets(actor=actor, origin=origin))


def reply(result: SecretSet | SecretDeleted | SecretsRotated) -> CommandReply:
    """Return what there is now, without a value."""
    match result:
        case SecretsRotated():
            return CommandReply(facts={"count": result.count, "unreadable": list[Value](result.unreadable)})
        case SecretDeleted():
            more: dict[str, Value] = {"used_by": list[Value](result.used_by), "instead": result.instead}
        case SecretSet():
            more = {"replaced": result.replaced, "in_environment": result.in_environment}
    return CommandReply(facts={**as_json(result.view), **more})


def as_json(view: SecretView) -> dict[str, Value]:
    """Return a secret as `--json` prints it."""
    return {
        "name": view.name,
        "workflow": view.workflow,
        "set_by": view.set_by,
        "set_at": iso(view.set_at),
        "used_at": iso(view.used_at),
    }
