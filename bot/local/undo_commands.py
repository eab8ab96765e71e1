"""The command of this machine's operator that undoes an approval."""

from __future__ import annotations

from typing import Any

from bot.local.arguments import read_text
from bot.local.reply import CommandReply
from engine.domain import Address, ApprovalUndone, Assurance, Origin, Refusal, Undo
from engine.service import Engine


async def undo(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> ApprovalUndone | Refusal:
    """Carry out `undo`, with its arguments as JSON has them."""
    request = read_text(arguments, "request")
    return await engine.undo(Undo(request=request, actor=actor, origin=origin, assurance=Assurance.TERMINAL))


def reply(result: ApprovalUndone) -> CommandReply:
    """Return what the operator is told."""
    return CommandReply(facts={"request": result.request, "run": result.run})
