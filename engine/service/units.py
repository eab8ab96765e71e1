"""How commands run as units of work: again after a conflict, and with the answers of the directory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

from engine.delivery.recipients import Resolved, run_with_directory
from engine.domain import Contested
from engine.errors import ChannelError, Conflict
from engine.service.context import CommandContext
from engine.service.queries import Queries
from engine.store.port import Tx

T = TypeVar("T")
C = TypeVar("C")
_TRIES: Final = 5
"""Number of times that a unit of work runs before a conflict with other commands is given up."""
_LOOKUP_SECONDS: Final = 1.2
"""Time for directory lookups while a person waits for the result: Slack gives up after three seconds."""


class Units(Queries):
    """Runs the units of commands. `Engine` has the commands."""

    async def start_by(self, unit: Callable[..., T], command: object) -> T:
        """Run a unit that starts a run."""
        try:
            return await self.transact_with_directory(lambda tx, resolved: unit(self.context, tx, command, resolved))
        except ChannelError:
            # The directory does not answer. The run is saved now, and its first request is opened later.
            later = self.transact_with_directory(
                lambda tx, resolved: unit(self.context, tx, command, resolved, may_open_requests=False),
                required=False,
                seconds=_LOOKUP_SECONDS / 4,
            )
            return await later

    async def about_request(self, unit: Callable[[CommandContext, Tx, C, Resolved], T], command: C) -> T | Contested:
        """Run the unit of a command about a request, which other people may change at the same time."""
        about = self.transact_with_directory(lambda tx, known: unit(self.context, tx, command, known), required=False)
        return await or_contested(about, "request")

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit of work, and run it again if another command changed the same rows first."""
        for _ in range(_TRIES):
            try:
                return await self.store.transact(unit)
            except Conflict as conflict:
                last = conflict
        raise last

    async def transact_with_directory(
        self, unit: Callable[[Tx, Resolved], T], *, required: bool = True, seconds: float = _LOOKUP_SECONDS
    ) -> T:
        """Run a unit that may need the directory. Raises `ChannelError` if it does not answer and is `required`."""
        directory = self.context.advancer.directory
        return await run_with_directory(self.transact, unit, directory, required=required, seconds=seconds)


async def or_contested(unit: Awaitable[T], what: Literal["request", "run"]) -> T | Contested:
    """Return the result of a unit, or the refusal if other commands were faster each time that it ran."""
    try:
        return await unit
    except Conflict:
        return Contested(what=what)
