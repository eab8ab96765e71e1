"""Opens the API of a process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot import page_urls
from bot.api import declared
from bot.api.access import Access
from bot.api.application import PREFIX, Api
from bot.api.ask_handlers import AskHandlers
from bot.api.ask_resources import AskWriter
from bot.api.rate_limits import RateLimits
from bot.api.run_handlers import RunHandlers
from bot.api.waits import Waits
from bot.key_authentication import KeyAuthentication
from engine.ports import Clock
from engine.service import Engine
from engine.store import program_reads
from engine.store.port import Store

PATH: Final = "/api"


@dataclass(frozen=True, slots=True)
class OpenedApi:
    """The API of a process. `waits`: those who wait for an answer; close it when the process stops.

    `access`: admits programs.
    """

    app: Api
    waits: Waits
    access: Access


@asynccontextmanager
async def opened(
    engine: Engine, store: Store, clock: Clock, public_url: str, *, is_shared: bool
) -> AsyncIterator[OpenedApi]:
    """Open the API while the body runs. `is_shared`: other processes write the database too."""
    waits = Waits()
    store.on_commit(waits.hear)
    access = Access(engine, KeyAuthentication(engine.authenticate, clock), RateLimits(time.monotonic))
    app = _api(engine, waits, access, public_url)
    if not is_shared:
        yield OpenedApi(app, waits, access)
        return

    async def revs(asks: Sequence[str]) -> dict[str, int]:
        return await store.read(lambda connection: program_reads.revs(connection, asks))

    async with waits.looking(revs):
        yield OpenedApi(app, waits, access)


def _api(engine: Engine, waits: Waits, access: Access, public_url: str) -> Api:
    request_page = partial(page_urls.request_page, public_url) if public_url else None
    run_page = partial(page_urls.run_page, public_url) if public_url else None
    handlers = (
        AskHandlers(engine, waits, AskWriter.at(public_url)),
        RunHandlers(engine, request_page, run_page),
    )
    return Api(declared.paths_of(handlers), declared.document(f"{public_url}{PREFIX}"), access)
