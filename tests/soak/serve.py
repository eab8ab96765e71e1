"""Servers for the soak: each is `signoff serve` in a process of its own, on a clock that can be stepped.

    python -m tests.soak.serve CLOCK MULTIPLIER

Every line of standard input asks for one more server. Importing all of Signoff takes a second or two and forking takes
none, so this process imports once and only forks: a campaign would otherwise spend its minutes importing. Nothing runs
in this process that a child could inherit half done. Settings come from the environment; CLOCK is a file of eight
bytes, the seconds by which the servers' clock is ahead; MULTIPLIER is the pace of calls to Slack.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import signal
import struct
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bot import app, log, settings
from bot.app import AppOptions
from bot.settings import Settings
from bot.slack.rate_limit import RateLimiter
from bot.terminal.output import create_console
from engine.errors import SignoffError
from engine.system import EnvironmentSecrets, SystemClock

AHEAD: Final = struct.Struct("d")
BROKE_OFF: Final = 3
"""Exit code of a server that refused to start, or could not go on, with a sentence."""


class Stepped:
    """The machine's clock, plus what the file says at this moment."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self._ahead = mmap.mmap(opened.fileno(), AHEAD.size, access=mmap.ACCESS_READ)
        self._machine = SystemClock()

    def now(self) -> datetime:
        """The time, in UTC."""
        (seconds,) = AHEAD.unpack(self._ahead[: AHEAD.size])
        return self._machine.now() + timedelta(seconds=seconds)


def main(arguments: Sequence[str]) -> None:
    """Fork a server for every line, until there are no more."""
    clock, multiplier = Stepped(Path(arguments[0])), float(arguments[1])
    environment = settings.load_environment()
    chosen = settings.load(environment)
    # Nobody waits for the children here: the campaign watches them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    last = 0
    for _ in sys.stdin:
        last = os.fork()
        if not last:
            _child(chosen, environment, clock, multiplier)
        _say("forked", last)
    if last:
        # Whoever asked is gone, and must not leave a server behind.
        with contextlib.suppress(ProcessLookupError):
            os.kill(last, signal.SIGKILL)


def _child(chosen: Settings, environment: Mapping[str, str], clock: Stepped, multiplier: float) -> None:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = _serve(chosen, environment, clock, multiplier)
    finally:
        # Not sys.exit: this is a copy of a process that has a loop to go on with.
        _say("ended", os.getpid(), code)
        os._exit(code)


def _serve(chosen: Settings, environment: Mapping[str, str], clock: Stepped, multiplier: float) -> int:
    secrets = EnvironmentSecrets(environment)
    log.set_up(chosen.log_level, chosen.log_format, lambda text: secrets.redact(chosen.redact(text)))
    options = AppOptions(
        settings=chosen,
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


def _say(what: str, *numbers: int) -> None:
    """One line in one write, so that lines of several processes stay apart."""
    os.write(1, f"{what} {' '.join(map(str, numbers))}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
