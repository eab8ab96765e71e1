"""The commands of this machine's operator about absences."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.local.arguments import optional_address
from bot.local.reply import CommandReply
from engine.domain import Address, Away, Back, Origin, Refusal, SetAway, SetBack
from engine.json_values import Value
from engine.service import Engine


async def set_away(engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin) -> SetAway | Refusal:
    """Carry out `away`, with its arguments as JSON has them."""
    command = Away(
        actor=actor,
        origin=origin,
        starts_at=datetime.fromisoformat(arguments["starts_at"]) if arguments.get("starts_at") else None,
        ends_at=datetime.fromisoformat(arguments["ends_at"]),
        delegate=optional_address(arguments, "delegate"),
        person=optional_address(arguments, "person"),
    )
    return await engine.set_away(command)


async def set_back(engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin) -> SetBack | Refusal:
    """Carry out `back`."""
    return await engine.set_back(Back(actor=actor, origin=origin, person=optional_address(arguments, "person")))


def away_reply(result: SetAway) -> CommandReply:
    absence = result.absence
    facts: dict[str, Value] = {
        "person": absence.person.label,
        "starts_at": absence.starts_at.isoformat(),
        "ends_at": absence.ends_at.isoformat(),
        "delegate": absence.delegate.label if absence.delegate is not None else None,
    }
    return CommandReply(facts=facts)


def back_reply(result: SetBack) -> CommandReply:
    return CommandReply(facts={"person": result.person.label, "was_away": result.was_away})
