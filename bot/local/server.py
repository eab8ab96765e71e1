"""Serves the desk on a Unix socket that only the user of this process can open."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from bot.local.reply import CommandReply
from bot.local.service import OperatorCommands
from bot.local.socket_path import own_folder
from engine import json_values
from engine.errors import InvalidValue, SignoffError, StoreError

log = logging.getLogger(__name__)

MAX_BODY: Final = 1_000_000
_DESK: Final = web.AppKey("desk", OperatorCommands)


@asynccontextmanager
async def serving(desk: OperatorCommands, path: Path) -> AsyncIterator[None]:
    """Serve while the body runs. The caller owns the database, so a socket that is left over is nobody's."""
    _make_room(path)
    app = web.Application(client_max_size=MAX_BODY)
    app[_DESK] = desk
    app.router.add_post("/{command}", _answer)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    mask = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(path)).start()
    finally:
        os.umask(mask)
    try:
        yield
    finally:
        await runner.cleanup()
        _make_room(path)


def _make_room(path: Path) -> None:
    if path.parent == own_folder():
        _make_private(path.parent)
    path.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    """In the temporary folder, only a folder of our own keeps others from taking the socket's name."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreError(f"The folder {folder} is open to others; remove it.")


async def _answer(request: web.Request) -> web.Response:
    try:
        given: Any = json_values.loads(await request.read())
        reply = await request.app[_DESK].carry_out(request.match_info["command"], given)
    except web.HTTPRequestEntityTooLarge:
        reply = CommandReply(f"The command is larger than {MAX_BODY:,} bytes; nothing was done.")
    except (InvalidValue, KeyError, ValueError, TypeError, AttributeError) as error:
        log.info("a local command was not understood: %s", error)
        reply = CommandReply("This server did not understand the command; use the same version of signoff.")
    except SignoffError as error:
        return _json(CommandReply(str(error), {"error": type(error).__name__}), status=503)
    except Exception:
        incident = secrets.token_hex(4)
        log.exception("incident %s", incident, extra={"incident": incident})
        return _json(CommandReply(f"Something broke; the server's log has it under {incident}."), status=500)
    return _json(reply, status=200)


def _json(reply: CommandReply, *, status: int) -> web.Response:
    return web.Response(text=json_values.dumps(reply.as_value()), status=status, content_type="application/json")
