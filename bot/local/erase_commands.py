"""The commands of this machine's operator that erase contents and people, a part at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.local.arguments import optional_text, read_text
from bot.local.reply import CommandReply
from engine.domain import Address, ErasedRuns, EraseOld, ErasePerson, Origin, PersonErased, Refusal
from engine.service import Engine, Erasures


async def erase_old(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> ErasedRuns | Refusal:
    """Carry out `erase_old`, with its arguments as JSON has them."""
    command = EraseOld(
        before=datetime.fromisoformat(read_text(arguments, "before")),
        workflow=optional_text(arguments, "workflow"),
        reason=read_text(arguments, "reason"),
        after=optional_text(arguments, "after") or "",
        actor=actor,
        origin=origin,
    )
    return await Erasures(engine).erase_old(command)


async def erase_person(
    engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin
) -> PersonErased | Refusal:
    """Carry out `erase_person`."""
    command = ErasePerson(
        person=read_text(arguments, "person"),
        reason=read_text(arguments, "reason"),
        after=optional_text(arguments, "after") or "",
        actor=actor,
        origin=origin,
    )
    return await Erasures(engine).erase_person(command)


def reply(result: ErasedRuns | PersonErased) -> CommandReply:
    """Return what was erased, and where the next part begins."""
    if isinstance(result, ErasedRuns):
        return CommandReply(facts={"runs": result.runs, "entries": result.entries, "after": result.reached})
    return CommandReply(
        facts={
            "person": result.person,
            "pseudonym": result.pseudonym,
            "runs": result.runs,
            "entries": result.entries,
            "unfinished": result.unfinished,
            "after": result.after,
        }
    )
