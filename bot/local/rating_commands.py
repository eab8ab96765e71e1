"""The command of this machine's operator that rates a request."""

from __future__ import annotations

from typing import Any

from bot.local.arguments import optional_number, optional_text, read_text
from bot.local.reply import CommandReply
from engine.domain import Address, Assurance, GiveRating, Origin, Rated, Refusal
from engine.service import Engine


async def rate(engine: Engine, arguments: dict[str, Any], *, actor: Address, origin: Origin) -> Rated | Refusal:
    """Carry out `rate`, with its arguments as JSON has them."""
    command = GiveRating(
        request=read_text(arguments, "request"),
        rating=optional_number(arguments, "rating") or 0,
        comment=optional_text(arguments, "comment"),
        actor=actor,
        origin=origin,
        assurance=Assurance.TERMINAL,
    )
    return await engine.rate(command)


def reply(result: Rated) -> CommandReply:
    """Return what the operator is told."""
    return CommandReply(facts={"request": result.request, "run": result.run, "rating": result.rating})
