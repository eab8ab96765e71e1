"""What all checks are given."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp

from bot.local.socket_path import socket_path
from bot.settings import Settings
from engine.ports import Clock

NETWORK_SECONDS: Final = 3.0
"""How long one check waits for somebody else's answer."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=NETWORK_SECONDS)


@dataclass(frozen=True, slots=True)
class Moment:
    """The same moment by the clock that people read and by the one that only ever goes on."""

    wall: datetime
    steady: float

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        """This moment."""
        return cls(clock.now(), time.monotonic())


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`complaints`: what is wrong with the settings; `unusable`: those whose default stands in `settings`."""

    settings: Settings
    complaints: tuple[str, ...]
    unusable: frozenset[str]
    environment: Mapping[str, str]
    clock: Clock
    began: Moment
    serving: bool
    """Whether a server of this database answers on this machine."""

    @property
    def database(self) -> Path | None:
        """The file; None where its setting cannot be used, for the default one is not meant then."""
        return None if "database_url" in self.unusable else self.settings.database


def why(error: OSError) -> str:
    """What the system says, in its own words: asyncio puts others in their place."""
    known = error.errno is not None and error.errno > 0
    return os.strerror(error.errno or 0) if known else error.strerror or str(error) or "no connection"


async def answers(database: Path) -> bool:
    """Whether a server answers at the socket of this database."""
    path = socket_path(database)
    try:
        if not path.exists():
            return False
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(path)), timeout=TIMEOUT) as session,
            session.get("http://signoff/") as response,
        ):
            # No command is a GET, so it does nothing; any answer is one.
            return response.status > 0
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
