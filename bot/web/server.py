"""Listens for HTTP at the address of the settings, with limits on what clients may take."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from bot import http_server
from bot.web.connections import DEFAULT_CONNECTIONS, ConnectionLimits, Connections, limits_for
from bot.web.protocol import limited
from bot.web.routes import Site
from engine.errors import SignoffError

_KEPT_OPEN: Final = 75
"""How long an idle connection stays open, in seconds. Slack reuses connections: closing one may cost a delivery."""

_BACKLOG: Final = 512
_ACCEPTED_AT_ONCE: Final = 8
"""Connections that are accepted, and have an open file, before any of them can be closed to make room."""
_MISSING: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of binding an address that this machine does not have, such as an IPv6 address of localhost."""


class PortTaken(SignoffError):
    """The address to listen on cannot be bound."""


@asynccontextmanager
async def listening(
    site: Site, *, host: str, port: int, limits: ConnectionLimits | None = None, kept_for: Collection[str] = ()
) -> AsyncIterator[tuple[str, int]]:
    """Serve the site while the body runs, which gets the address. Raises `PortTaken` and `FewFiles`.

    `limits`: the default fits the open files of the process. `kept_for`: paths for which connections are reserved.
    """
    connections = Connections(limits or limits_for(DEFAULT_CONNECTIONS), asyncio.get_running_loop())
    sockets = await bound(host, port)
    address: tuple[str, int] = sockets[0].getsockname()[:2]
    protocol = limited(connections, tuple(kept_for))
    try:
        async with http_server.running(
            site.app, sockets, http=protocol, backlog=_ACCEPTED_AT_ONCE, timeout_keep_alive=_KEPT_OPEN
        ):
            for listener in sockets:
                listener.listen(_BACKLOG)  # asyncio replaced the backlog by `_ACCEPTED_AT_ONCE`
            connections.sweep()
            try:
                yield address
            finally:
                site.closing.set()
                site.close()
    finally:
        connections.stop()


async def bound(host: str, port: int) -> list[socket.socket]:
    """Return a bound socket for each address of the name that this machine has."""
    bound, error = list[socket.socket](), None
    try:
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as unknown:
        raise PortTaken(f"SIGNOFF_HOST: {host} is no address of this machine: {unknown}.") from None
    for family, _, _, _, address in infos:
        try:
            bound.append(_listening_socket(family, address))
        except OSError as refused:
            error = refused
    if error is not None and not (bound and error.errno in _MISSING):
        for listener in bound:
            listener.close()
        raise _taken(host, port, error)
    return bound


def _taken(host: str, port: int, error: OSError) -> PortTaken:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"Another program listens on {host}:{port} already; stop it, or set SIGNOFF_PORT to another port."
        )
    return PortTaken(f"SIGNOFF_HOST and SIGNOFF_PORT: {host}:{port} cannot be listened on: {error}.")


def _listening_socket(family: int, address: tuple[Any, ...]) -> socket.socket:
    # asyncio recognizes TCP only by this protocol number. Otherwise it leaves Nagle's algorithm on, with which the
    # second write of a response waits for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        # Listen now, and not when it is served: until then, another program could bind the port as well.
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
