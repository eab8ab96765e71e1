"""The parent of the processes that tests fork (see `forked_processes`). It is run with the number of its socket."""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import runpy
import socket
import sys
import termios
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

_LARGEST: Final = 200_000
_LATER: Final = (
    *("bot.app", "bot.ai.client", "bot.traces", "bot.mcp.server", "bot.mcp.http_transport", "iso4217"),
    *("bot.openid.slack_provider", "engine.store.metadata", "alembic.command", "anyio._backends._asyncio"),
    "tests.support.engine_env",
)
"""What processes import where they need it, some of it in seconds."""


def wait_for_a_request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a request and its streams, in a process of its own. The process that is asked never returns."""
    while True:
        request, streams, _, _ = socket.recv_fds(connection, _LARGEST, 3)
        if not request:
            sys.exit()
        received, sent = os.pipe()
        between = os.fork()
        if between == 0:
            process = os.fork()
            if process == 0:
                os.close(received)
                os.close(sent)
                connection.close()
                return json.loads(request), streams
            os.write(sent, str(process).encode())
            os._exit(0)
        os.waitpid(between, 0)
        connection.send(os.read(received, 100))
        for descriptor in (received, sent, *streams):
            os.close(descriptor)


def become(request: dict[str, Any], streams: list[int]) -> None:
    """Make this process one that was started with the arguments, environment, folder and streams of the request."""
    if request["terminal"]:
        os.setsid()
        fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(3, max(streams) + 1)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv[1:] = request["arguments"]
    sys.stdin = os.fdopen(0, closefd=False, encoding="utf-8", errors="surrogateescape")
    sys.stdout = os.fdopen(1, "w", closefd=False, encoding="utf-8", errors="surrogateescape")
    sys.stderr = os.fdopen(2, "w", closefd=False, encoding="utf-8", errors="backslashreplace", buffering=1)


def import_all() -> None:
    """Import everything that a command may need."""
    from bot.api import declared
    from bot.cli.lazy import LazyCommand
    from bot.cli.main import signoff
    from bot.web.renderer import Renderer
    from bot.web.site_urls import SiteUrls
    from engine.steps import registry

    for command in signoff.commands.values():
        assert isinstance(command, LazyCommand)
        command.load()
    for module in _LATER:
        importlib.import_module(module)
    # Every server would compile the templates again, read the operations of the API, and look for step types.
    Renderer(SiteUrls("", ""))
    declared.document("")
    registry.discover()
    gc.freeze()
    # A fork has only the thread that forked.
    assert threading.active_count() == 1


def end(main: Callable[[], object]) -> NoReturn:
    """Run the command to its end, and end the process as Python does, but leave its memory to the system.

    Destroying each module, Python would write to all the memory that the process shares with its parent, which takes
    more time than most commands.
    """
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 it waits for threads, as Python does first
    atexit._run_exitfuncs()  # noqa: SLF001
    try:
        sys.stdout.flush()
    except OSError as error:
        # What Python says and returns then.
        sys.stderr.write(f"Exception ignored in: {error!r}\n")
        code = 120
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    from bot.cli import main

    import_all()
    asked, its_streams = wait_for_a_request(socket.socket(fileno=int(sys.argv[1])))
    become(asked, its_streams)
    module = asked["module"]
    end(partial(runpy.run_module, module, run_name="__main__", alter_sys=True) if module else main)
