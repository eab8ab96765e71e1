"""Serves the operator's commands on a Unix socket that only the user of this process can open."""

from __future__ import annotations

import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from bot import http_server
from bot.local.reply import CommandReply
from bot.local.socket_path import own_folder
from bot.log import log_incident
from engine import json_values
from engine.errors import InvalidValue, SignoffError, StoreError

log = logging.getLogger(__name__)

MAX_BODY: Final = 16_000_000
"""Maximum size of a command, in bytes: a folder of workflows is one command."""
_BACKLOG: Final = 128
"""Connections that may wait to be accepted."""

ATTACH: Final = "attach"
"""The command that takes a file in. Its body is the file, of any size that files may have."""
TakeFile = Callable[[str, AsyncIterator[bytes]], Awaitable[CommandReply]]
"""Takes a file in, by its name and bytes."""
CarryOut = Callable[[str, dict[str, Any]], Awaitable[CommandReply]]
"""Carries out a command by its name and arguments. Raises `SignoffError` when the database fails."""


class _BodyTooLarge(Exception):
    """The body is larger than `MAX_BODY`."""


@asynccontextmanager
async def serving(carry_out: CarryOut, path: Path, attach: TakeFile | None = None) -> AsyncIterator[None]:
    """Serve while the body runs. The caller owns the database, so no other server uses a socket that is left there.

    `attach` takes files in.
    """
    _remove_socket(path)

    async def answer(request: Request) -> Response:
        if attach is not None and request.path_params["command"] == ATTACH:
            return await _answer(lambda: attach(request.query_params.get("name", ""), request.stream()))
        return await _answer(lambda: _carry_out(carry_out, request))

    app = Starlette(routes=[Route("/{command}", answer, methods=["POST"])])
    async with http_server.running(app, [_private_socket(path)], backlog=_BACKLOG):
        try:
            yield
        finally:
            # Before the server stops: a client that comes meanwhile finds no server and waits for the database.
            _remove_socket(path)


def _remove_socket(path: Path) -> None:
    if path.parent == own_folder():
        _make_private(path.parent)
    path.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    """Create the folder for this user alone, so that no other user can take the socket's name."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise StoreError(f"Other users of this machine may use the folder {folder}. Remove it, and try again.")


def _private_socket(path: Path) -> socket.socket:
    """Return a socket that listens at the path; its file is never open to others, not even for a moment."""
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


async def _carry_out(carry_out: CarryOut, request: Request) -> CommandReply:
    arguments: Any = json_values.loads(await _body(request))
    return await carry_out(request.path_params["command"], arguments)


async def _answer(act: Callable[[], Awaitable[CommandReply]]) -> Response:
    try:
        reply = await act()
    except ClientDisconnect:
        return Response(status_code=400)  # the client is gone and reads nothing
    except _BodyTooLarge:
        reply = CommandReply(f"The command is larger than {MAX_BODY:,} bytes. Nothing was done.")
    except (InvalidValue, KeyError, ValueError, TypeError, AttributeError) as error:
        log.info("a local command was not understood: %s", error)
        reply = CommandReply("The server did not understand the command. Use the server's version of `signoff`.")
    except SignoffError as error:
        return _json(CommandReply(str(error), {"error": type(error).__name__}), status=503)
    except Exception as error:  # noqa: BLE001 the one boundary: an unexpected error becomes an incident
        name = log_incident(error)
        return _json(
            CommandReply(f"Something broke in the server. The details are in its log, under {name}."), status=500
        )
    return _json(reply, status=200)


async def _body(request: Request) -> bytes:
    """Return the whole body. Raises `_BodyTooLarge`, and starlette's `ClientDisconnect`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _BodyTooLarge
    return bytes(body)


def _json(reply: CommandReply, *, status: int) -> Response:
    return Response(json_values.dumps(reply.as_value()), status_code=status, media_type="application/json")
