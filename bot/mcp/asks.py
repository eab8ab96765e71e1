"""What the tools do: they ask, wait for a while, take the approval, and report, through the client of the API."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import anyio

from bot.mcp.results import AskResult, decided, pending
from signoff import conversation
from signoff.errors import SignoffError, StillWaiting, Unreachable
from signoff.questions import Question
from signoff.records import Ask
from signoff.transport import Server

LONGEST_WAIT: Final = 50
"""How long a tool waits for a decision, in seconds: many clients give a call up after 60."""
_SLICE: Final = 10.0
"""How often a client hears while it waits, in seconds."""
_HURRY: Final = 5.0
"""How long a call that its client has cancelled tries to cancel its ask, in seconds."""
_CANCELLED: Final = "The agent has stopped waiting."

Progress = Callable[[float, str], Awaitable[None]]


async def ask(server: Server, asked: Question, seconds: float, progress: Progress) -> AskResult:
    """Ask, and return the decision, or that there is none yet.

    A call that is cancelled has told its client no id, so the ask is cancelled too, unless the caller chose its key.
    """
    with anyio.CancelScope(shield=True):  # a call that is cancelled here would leave an ask that it does not know
        created = await server.run_async(conversation.create(asked.body, asked.key, server.patience))
    try:
        now = await _wait(server, created, seconds, progress)
    except BaseException:
        if not asked.is_named:
            with anyio.move_on_after(_HURRY, shield=True), suppress(SignoffError):
                await server.run_async(conversation.cancel(created.id, _CANCELLED, _HURRY))
        raise
    if now.status != "pending":
        asked.values(now)  # what is wrong with them is noticed before the approval is used
    return await _taken(server, now)


async def look(server: Server, ask_id: str, seconds: float, progress: Progress) -> AskResult:
    """Return how an ask stands, after waiting for a decision."""
    now = await server.run_async(conversation.look(ask_id, server.patience))
    return await _taken(server, await _wait(server, now, seconds, progress))


async def _wait(server: Server, ask: Ask, seconds: float, progress: Progress) -> Ask:
    """Wait for a decision, and tell the client now and then that the call still waits."""
    start = time.monotonic()
    while ask.status == "pending" and (left := start + seconds - time.monotonic()) > 0:
        await progress(time.monotonic() - start, f"{ask.id} waits for {', '.join(ask.waiting_for) or 'a decision'}.")
        with suppress(StillWaiting, Unreachable):  # the ask goes on while the server is away
            ask = await server.run_async(conversation.wait(ask, min(_SLICE, left)))
    return ask


async def _taken(server: Server, ask: Ask) -> AskResult:
    """Take the approval of an ask, if there is one. Raises `NotApproved`.

    The key is the same each time, so that an answer which was lost on its way to the model can be asked for again.
    """
    if ask.status == "pending":
        return pending(ask)
    was_used = ask.consumed_at is not None
    if ask.outcome is not None or not was_used:
        conversation.approved(ask)
    if ask.use == "answer":
        return decided(ask, is_repeated=False)
    used = await server.run_async(conversation.consume(ask, server.patience, f"mcp-{ask.id}"))
    return decided(used, is_repeated=was_used)
