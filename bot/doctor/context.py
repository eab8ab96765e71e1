"""The context of a check: settings, environment and clock."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from bot.local.socket_path import socket_path
from bot.settings import Settings
from bot.web.site_urls import HEALTH
from engine.ports import Clock

NETWORK_SECONDS: Final = 3.0
"""How long one check waits for a server on the network."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=NETWORK_SECONDS)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One moment by the wall clock and by the monotonic clock, which cannot be set."""

    wall: datetime
    monotonic: float

    @classmethod
    def take(cls, clock: Clock) -> ClockReading:
        """Read both clocks now."""
        return cls(clock.now(), time.monotonic())


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """Everything that a check may look at."""

    settings: Settings
    complaints: tuple[str, ...]
    """Sentences about wrong settings."""
    unusable: frozenset[str]
    """Names of wrong settings; `settings` has their defaults."""
    environment: Mapping[str, str]
    clock: Clock
    started: ClockReading
    serving: bool
    """Whether a server of this database answers on this machine."""

    @property
    def database(self) -> Path | None:
        """Return the database file, or None if its setting is wrong or names a server: no default is meant then."""
        if "database_url" in self.unusable or self.settings.server_url is not None:
            return None
        return self.settings.database

    @property
    def server_url(self) -> str | None:
        """Return the URL of the database on a server, or None if it is a file."""
        return self.settings.server_url


def os_error_text(error: OSError) -> str:
    """Return the operating system's text for an error, which asyncio replaces by its own."""
    is_known = error.errno is not None and error.errno > 0
    return os.strerror(error.errno or 0) if is_known else error.strerror or str(error) or "no connection"


def local_url(settings: Settings, path: str) -> URL:
    """Return the URL to call for the host that is listened on; 0.0.0.0 and :: are called at loopback.

    Raises `ValueError` if it is not a host.
    """
    host = settings.host
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = "::1" if address.version == 6 else "127.0.0.1"
    return URL.build(scheme="http", host=host, port=settings.port, path=path)


async def is_answering(settings: Settings) -> bool:
    """Return whether a server answers at the port of the settings: one on a database server has no socket."""
    try:
        url = local_url(settings, HEALTH)
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as response:
            return response.status == 200 and (await response.text(errors="replace")).strip() == "ok"
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False


async def is_serving(database: Path) -> bool:
    """Return whether a server answers at the socket of this database."""
    path = socket_path(database)
    try:
        if not path.exists():
            return False
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(path)), timeout=TIMEOUT) as session,
            session.get("http://signoff/") as response,
        ):
            # No command is a GET request, so this one does nothing; any response shows that a server runs.
            return response.status > 0
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
