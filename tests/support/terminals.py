"""Simulates a person at a real terminal, who types and reads the screen."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import forked_processes
from tests.support.http_service import PATIENCE
from tests.support.processes import SIGNOFF, Installation

AnyProcess = subprocess.Popen[bytes] | forked_processes.ForkedProcess

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A process at a pseudo-terminal of its own."""

    def __init__(self, process: AnyProcess, descriptor: int) -> None:
        self._process, self._descriptor = process, descriptor
        self.raw = ""
        """Everything that the process wrote, with its escape sequences."""
        self._read = 0

    @property
    def screen(self) -> str:
        """Everything that the process wrote, as a person reads it."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    def see(self, text: str) -> str:
        """Wait for `text` after everything seen before, and return the output before it."""
        deadline = time.monotonic() + PATIENCE
        while (position := self.screen.find(text, self._read)) < 0:
            assert self._more(deadline - time.monotonic()), f"{text!r} never came:\n{self.screen[self._read :]}"
        before = self.screen[self._read : position]
        self._read = position + len(text)
        return before

    def type(self, line: str) -> None:
        """Type a line."""
        self.press(line + "\n")

    def press(self, keys: str) -> None:
        """Press keys; `\\x03` is Ctrl-C."""
        os.write(self._descriptor, keys.encode())

    def interrupt(self) -> int:
        """Press Ctrl-C until the process ends, and return its exit code.

        One press may not be enough, because Python loses a Ctrl-C between its prompt and its read.
        """
        self.press("\x03")
        while self._process.poll() is None:
            if not self._more_within(2.0):
                self.press("\x03")
        return self.end()

    def end(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._more(deadline - time.monotonic()):
            pass
        code = self._process.wait(PATIENCE)
        assert "Traceback" not in self.screen
        return code

    def _more_within(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ready) and self._more(seconds)

    def _more(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], max(seconds, 0))
        assert ready, f"nothing more came:\n{self.screen}"
        try:
            read = os.read(self._descriptor, 65536)
        except OSError:  # Linux raises this once the other end is closed
            return False
        self.raw += read.decode(errors="replace")
        return bool(read)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        os.close(self._descriptor)


@contextmanager
def terminal(installation: Installation, *arguments: str | Path, columns: int = 100) -> Iterator[Terminal]:
    """Run `signoff` with these arguments at a terminal that is `columns` wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    try:
        person = Terminal(_start_at(theirs, installation, [*map(str, arguments)]), ours)
    finally:
        os.close(theirs)
    try:
        yield person
    finally:
        person.close()


def _start_at(descriptor: int, installation: Installation, arguments: list[str]) -> AnyProcess:
    environment = {**installation.environment, "TERM": "xterm"}
    if forked_processes.AVAILABLE:
        return forked_processes.start(
            arguments, folder=installation.folder, environment=environment, stdin=descriptor, piped=False
        )
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _OWN_TERMINAL, str(SIGNOFF), *arguments],
        cwd=installation.folder,
        env=environment,
        stdin=descriptor,
        stdout=descriptor,
        stderr=descriptor,
    )
