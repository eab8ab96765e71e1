"""Listens for the mail server of this organization: on a port of this machine, or on a socket in its file system."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from aiosmtpd.lmtp import LMTP

from bot.lmtp.email_reader import MOST_BYTES
from bot.lmtp.session import DeliverySession
from bot.settings import SettingsError
from bot.variable_checks import PREFIX

HOST: Final = "127.0.0.1"
"""The protocol has no passwords, so the port is one of this machine."""
MOST_CONNECTIONS: Final = 20
"""Connections at the same time; a mail server waits with the others."""
_MOST_IN_MEMORY: Final = 100_000_000
"""Maximum size of the emails of all connections together, in bytes."""
_IDLE_SECONDS: Final = 60.0
_MOST_COMMANDS: Final = 200
"""Commands of one kind in one connection."""

log = logging.getLogger(__name__)


class _Connection(LMTP):
    """One connection of the mail server."""

    def __init__(self, handler: DeliverySession, open_connections: set[Any], most_bytes: int) -> None:
        super().__init__(
            handler,
            data_size_limit=most_bytes,
            enable_SMTPUTF8=True,
            ident="Signoff",
            hostname="signoff",
            timeout=_IDLE_SECONDS,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            command_call_limit=_MOST_COMMANDS,
        )
        self._open = open_connections
        self._most = max(1, min(MOST_CONNECTIONS, _MOST_IN_MEMORY // most_bytes))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the conversation, or refuse it while there are too many."""
        if len(self._open) >= self._most:
            stream = cast("asyncio.Transport", transport)
            stream.write(b"421 4.7.0 Too many connections\r\n")
            stream.close()
            return
        self._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        if self in self._open:
            self._open.discard(self)
            super().connection_lost(error)


@asynccontextmanager
async def listening(
    handler: DeliverySession, *, port: int = 0, socket: Path | None = None, most_bytes: int = MOST_BYTES
) -> AsyncIterator[int]:
    """Take emails while the body runs, and yield the port. Raises `SettingsError` if it cannot be opened.

    `most_bytes`: maximum size of an email.
    """
    loop, opened = asyncio.get_running_loop(), set[Any]()

    def connection() -> _Connection:
        return _Connection(handler, opened, most_bytes)

    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it logs what strangers send
    async with AsyncExitStack() as stack:
        bound = port
        if socket is None:
            server = await _bound(loop.create_server(connection, HOST, port), "LMTP_PORT")
            bound = int(server.sockets[0].getsockname()[1])
        else:
            _remove_stale(socket)
            made = loop.create_unix_server(connection, str(socket))
            with _private():
                server = await _bound(made, "LMTP_SOCKET")
            stack.callback(socket.unlink, missing_ok=True)
        stack.push_async_callback(_close, server, opened)
        yield bound


async def _bound(opening: Any, setting: str) -> asyncio.Server:
    try:
        return cast("asyncio.Server", await opening)
    except OSError as error:
        raise SettingsError([f"{PREFIX}{setting} cannot be opened: {error.strerror or error}."]) from None


async def _close(server: asyncio.Server, opened: set[Any]) -> None:
    server.close()
    for connection in list(opened):
        if connection.transport is not None:
            connection.transport.close()
    await asyncio.sleep(0)


def _remove_stale(socket: Path) -> None:
    """Remove the socket that a process left which was killed; nothing else."""
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(socket.stat().st_mode):
            socket.unlink()


@contextlib.contextmanager
def _private() -> Any:
    """Let the socket be one of this user and group: to connect to it is to be believed."""
    before = os.umask(0o117)
    try:
        yield
    finally:
        os.umask(before)
