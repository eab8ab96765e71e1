"""The client of the server that owns the database."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from bot.local.reply import CommandReply
from bot.local.socket_path import socket_path
from engine import json_values
from engine.errors import StoreError
from engine.json_values import Value

TIMEOUT_SECONDS: Final = 60
"""Maximum time for a command, in seconds."""


async def ask(database: Path, command: str, arguments: dict[str, Value]) -> CommandReply | None:
    """Send a command. Return the server's reply, or None if no server answers at the socket.

    Raises `StoreError` if the server cannot use its database, or stopped before it replied.
    """
    # As a file, which aiohttp sends in pieces: it warns about texts over 1 MiB.
    return await _send(database, command, io.BytesIO(json_values.dumps(arguments).encode()))


async def attach(database: Path, name: str, chunks: AsyncIterator[bytes]) -> CommandReply | None:
    """Hand a file in. The rest is as with `ask`."""
    return await _send(database, f"attach?{urlencode({'name': name})}", chunks)


async def _send(database: Path, target: str, body: io.BytesIO | AsyncIterator[bytes]) -> CommandReply | None:
    path = socket_path(database)
    if not path.exists():
        return None
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.UnixConnector(path=str(path))
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        try:
            async with session.post(f"http://signoff/{target}", data=body) as response:
                answer: Any = json_values.loads(await response.read())
                status = response.status
        except aiohttp.ClientConnectorError:
            return None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StoreError(
                "The server stopped before it replied. "
                "`signoff runs` and `signoff requests` show whether the command was carried out."
            ) from error
    reply = CommandReply.from_value(answer)
    if status >= 500:
        raise StoreError(reply.refused or "The server failed. The details are in its log.")
    return reply
