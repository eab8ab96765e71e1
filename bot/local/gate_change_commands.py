"""The command of this machine's operator that asks people for a recommended change of a gate."""

from __future__ import annotations

from typing import Any

from bot.local.arguments import read_text
from bot.local.reply import CommandReply
from engine.domain import Address, Origin, Refusal
from engine.domain.gate_change_commands import GateChangeOpened, OpenGateChange
from engine.service import Engine
from engine.system import SystemClock


async def open_change(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> GateChangeOpened | Refusal:
    """Carry out `insights --open`, with its arguments as JSON has them."""
    workflow, step, kind, weeks = (read_text(arguments, name) for name in ("workflow", "step", "kind", "weeks"))
    command = OpenGateChange(workflow=workflow, step=step, kind=kind, weeks=int(weeks), actor=actor, origin=origin)
    return await engine.open_gate_change(command, SystemClock().now())


def reply(result: GateChangeOpened) -> CommandReply:
    """Return what the operator is told."""
    return CommandReply(facts={"run": result.run, "was_open": result.was_open})
