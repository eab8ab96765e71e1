"""Reads an ask for the program that waits for a change of it, by long poll or by stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.api.calls import ApiCall
from bot.api.problems import of_refusal
from bot.api.waits import Waits
from engine.domain.asks import AskStatus, AskView
from engine.service import Engine


class AskReader:
    """An ask of a program, by its id. `is_gone`: the client went away while it waited."""

    __slots__ = ("_call", "_engine", "_waits", "ask", "is_gone")

    def __init__(self, engine: Engine, waits: Waits, call: ApiCall, ask: str) -> None:
        self._engine, self._waits, self._call, self.ask = engine, waits, call, ask
        self.is_gone = False

    async def present(self) -> AskView:
        """Return the ask as it is now."""
        view = await self._engine.ask_view(self.ask, self._call.actor)
        assert isinstance(view, AskView), "asks are never deleted, and never pass to another key"
        return view

    async def look(self) -> AskView:
        """Return the ask for a program that waits. Raises `ApiProblem` once its key is revoked or has expired."""
        ended = await self._engine.authentication.has_ended(self._call.principal.id)
        if ended is not None:
            raise of_refusal(ended)
        return await self.present()

    async def changed(self, rev: int, seconds: float) -> None:
        """Return once the ask is no longer at `rev`, or after some seconds, or when no one waits any more."""
        self.is_gone |= not await self._changed(rev, seconds)

    def _changed(self, rev: int, seconds: float) -> Awaitable[bool]:
        """Return what `changed` awaits. Thousands may wait for it, each without a further coroutine."""
        return self._waits.changed(self.ask, rev, self._engine.ask_rev, seconds=seconds, watch=self._call.watch)

    async def until(self, is_over: Callable[[AskView], bool], seconds: float) -> AskView:
        """Return the ask once `is_over` holds for it, or after some seconds whether it holds or not."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while True:
            view = await self.look()
            if is_over(view) or self.is_over or clock() >= end:
                return view
            rev = view.rev
            # Thousands may wait, and none of them keeps the ask meanwhile.
            del view
            self.is_gone |= not await self._changed(rev, end - clock())

    @property
    def is_over(self) -> bool:
        """Whether the program has nothing to wait for: it went away, or the server stops."""
        return self.is_gone or self._waits.is_closing


def has_answer(view: AskView, after: int | None = None) -> bool:
    """Return whether a program that waits has what it waits for: a state other than `after`, or one that is decided."""
    if view.is_final:
        return True
    return view.status is not AskStatus.PENDING if after is None else view.rev != after
