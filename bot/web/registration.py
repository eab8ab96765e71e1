"""Registers a workflow file that a builder has written on a page."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from starlette.responses import Response

from bot.presentation import refusals
from bot.web.context import RequestContext
from bot.web.status_pages import Notice
from engine.domain import Address, Origin, Refusal, Register
from engine.domain.workflow_commands import NewerVersion, Proposed
from engine.errors import ChannelError

_LATER: Final = "Nothing was registered. Signoff cannot look up the people at the moment. Try again in a minute."


class NotRegistered(Struct, frozen=True, kw_only=True):
    """Why a file was not registered, with the HTTP status of the page that says so."""

    notice: Notice
    status: int


async def register(
    context: RequestContext, source: bytes, actor: Address, *, salt: str, base: int
) -> Response | NewerVersion | NotRegistered:
    """Register a file, and return the way to its workflow, or to the run that asks whether it may be registered.

    `salt`: of the form; `base`: the version that the builder saw, 0 for a new workflow.
    """
    origin = Origin(surface="web", place={"form": salt})
    try:
        result = await context.service.engine.register(Register(source=source, actor=actor, origin=origin, base=base))
    except ChannelError:
        return NotRegistered(notice=_LATER, status=503)
    if isinstance(result, NewerVersion):
        return result
    if isinstance(result, Refusal):
        return NotRegistered(notice=refusals.phrase(result), status=409)
    at = context.at
    return context.to(at.run(result.run) if isinstance(result, Proposed) else at.workflow(result.workflow))
