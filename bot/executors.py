"""What runs the due work of a process: in the process itself, or shared with others through the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from bot.databases import libpq
from bot.settings import Settings
from engine.delivery.late_copies import LateCopies
from engine.domain import Work
from engine.ports import Channel
from engine.store.port import Store
from engine.worker.embedded import Embedded, LooksForWork, Unit

SHARED_TICK_SECONDS: Final = 2.0
"""Time between two looks for due work where other processes look too, in seconds."""


class RunsWork(Protocol):
    """An executor as the composition root runs it."""

    @property
    def idle(self) -> bool:
        """Whether no work is queued or running here."""

    def submit(self, works: Sequence[Work]) -> None:
        """Queue work that may be ready."""

    async def run(self) -> None:
        """Do work until cancelled, or until `stop` was called and running work has ended."""

    def stop(self) -> None:
        """Start no more work."""


def build_executor(
    settings: Settings,
    store: Store,
    channels: Mapping[str, Channel],
    *,
    units: dict[str, Unit],
    due: LooksForWork,
    now: Callable[[], datetime],
) -> RunsWork | None:
    """Return what runs due work in this process, or None if other processes run it.

    A process that does everything does its own work at once, without a queue. Where processes share the work, hints go
    through the queue in the database.
    """
    if settings.server_url is None:
        # No other process has turns at the channels.
        late = LateCopies(store, channels)
        embedded = Embedded(units={**units, "take_turns": late.put_off}, due=due, now=now)
        store.on_commit(late.before(embedded.submit))
        return embedded
    if settings.role == "all":
        embedded = Embedded(units=units, due=due, now=now, tick_seconds=SHARED_TICK_SECONDS)
        store.on_commit(embedded.submit)
        return embedded
    from engine.store.postgres import PostgresStore
    from engine.worker.distributed import Distributed, HintWriter

    assert isinstance(store, PostgresStore)
    store.before_commit(HintWriter())
    if settings.role == "bot":
        return None
    return Distributed(libpq(settings.server_url), units=units, due=due, now=now)
