"""Servers for the soak: each is `signoff serve` in a process of its own, on a clock that can be stepped.

    python -m tests.soak.serve CLOCK MULTIPLIER

Each line of standard input starts one more server, with the settings that the line names (`NAME=value`, and spaces
between them). Importing Signoff is slow and forking is fast, so this process imports everything once and then only
forks. It runs nothing that a child could inherit half done. Settings come from the environment. CLOCK is a file of
eight bytes: the seconds by which the clock of the servers is ahead. MULTIPLIER is the factor on the rate of calls to
Slack. The file uses nothing of this package: a rolling upgrade runs the file of the older version with its code.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import mmap
import os
import signal
import struct
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bot import app, loaded_settings, log
from bot.app_parts import AppOptions
from bot.settings import Settings
from bot.slack.rate_limit import RateLimiter
from bot.terminal.output import create_console
from engine.errors import SignoffError
from engine.system import EnvironmentSecrets, SystemClock

AHEAD: Final = struct.Struct("d")
BROKE_OFF: Final = 3
"""Exit code of a server that refused to start or could not continue, and printed the reason."""


class SteppedClock:
    """The clock of the machine, plus the seconds that the file has at this moment."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as stream:
            self._ahead = mmap.mmap(stream.fileno(), AHEAD.size, access=mmap.ACCESS_READ)
        self._machine = SystemClock()

    def now(self) -> datetime:
        """Return the time in UTC."""
        (seconds,) = AHEAD.unpack(self._ahead[: AHEAD.size])
        return self._machine.now() + timedelta(seconds=seconds)


def main(arguments: Sequence[str]) -> None:
    """Fork a server for every line of standard input."""
    clock, multiplier = SteppedClock(Path(arguments[0])), float(arguments[1])
    environment = loaded_settings.load_environment()
    _import_for(environment)
    # This process does not wait for its children, because the campaign watches them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    last: dict[str, int] = {}
    for line in sys.stdin:
        child = os.fork()
        if not child:
            own = dict(word.split("=", 1) for word in line.split())
            _child({**environment, **own}, clock, multiplier)
        if line in last:
            os.close(last.pop(line))
        with contextlib.suppress(ProcessLookupError):
            # On a busy machine it may have ended already.
            last[line] = os.pidfd_open(child)
        _say("forked", child)
    for descriptor in last.values():
        # The campaign has ended, so its last servers must not go on.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)


def _import_for(environment: Mapping[str, str]) -> None:
    """Import what servers of these settings import late."""
    if loaded_settings.load(environment).server_url is not None:
        importlib.import_module("engine.store.postgres_schema")
        importlib.import_module("engine.worker.distributed")


def _child(environment: Mapping[str, str], clock: SteppedClock, multiplier: float) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = _serve(loaded_settings.load(environment), environment, clock, multiplier)
    finally:
        # sys.exit would continue the loop of the parent process in this copy of it.
        _say("ended", os.getpid(), code)
        os._exit(code)


def _serve(loaded: Settings, environment: Mapping[str, str], clock: SteppedClock, multiplier: float) -> int:
    secrets = EnvironmentSecrets(environment)
    log.set_up(loaded.log_level, loaded.log_format, lambda text: secrets.redact(loaded.redact(text)))
    options = AppOptions(
        settings=loaded,
        environment=environment,
        console=create_console(),
        clock=clock,
        slack_limiter=RateLimiter(multiplier=multiplier),
    )
    try:
        asyncio.run(app.serve(options, lambda _: _say("ready", os.getpid())))
    except SignoffError as error:
        sys.stderr.write(f"broke off: {error}\n")
        return BROKE_OFF
    return 0


def _say(event: str, *numbers: int) -> None:
    """Write one line at once, so that lines of several processes do not mix."""
    os.write(1, f"{event} {' '.join(map(str, numbers))}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
