"""Runs the command `signoff` in real processes, with a home folder and a database of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import json_values
from tests.support import forked_processes
from tests.support.http_service import PATIENCE

SIGNOFF = Path(sys.executable).with_name("signoff")
OPERATOR = "lee@example.com"
HELLO = """\
name: hello
title: Hello
steps:
  - id: greet
    uses: set
    with: {text: Hello}
"""

Process = subprocess.Popen[str] | forked_processes.ForkedProcess

_INHERITED = ("LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """Return everything that the command printed, on one line."""
        return " ".join((self.out + self.err).split())

    @property
    def json(self) -> Any:
        return json_values.loads(self.out)


@dataclass(frozen=True, slots=True)
class Installation:
    """A home folder, a database and settings: everything that a process of Signoff depends on."""

    folder: Path
    database: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **inherited,
            "HOME": str(self.folder),
            "PATH": os.defpath,
            "PYTHONUTF8": "1",
            "PYTHONWARNINGS": "error",
            # Tests call only this machine, and loading the trusted certificates would slow down each start.
            "SSL_CERT_FILE": os.devnull,
            "SIGNOFF_DATABASE_URL": f"sqlite:///{self.database}",
            "SIGNOFF_OPERATOR": OPERATOR,
            "SIGNOFF_HTTP_ALLOW": "127.0.0.1",
            **self.settings,
        }

    @property
    def is_on_server(self) -> bool:
        """Whether the database is on a server: then commands use it themselves, and no process listens at a socket."""
        return self.settings.get("SIGNOFF_DATABASE_URL", "").startswith("postgresql")

    def start(self, *arguments: str | Path, stdin: str = "") -> Process:
        """Start a command without waiting for its end."""
        return start([*map(str, arguments)], folder=self.folder, environment=self.environment, stdin=stdin)

    def run(self, *arguments: str | Path, stdin: str = "") -> CommandResult:
        """Run a command to its end."""
        return run([*map(str, arguments)], folder=self.folder, environment=self.environment, stdin=stdin)

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def start(arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], stdin: str = "") -> Process:
    """Start a command in a folder, with this environment alone, without waiting for its end."""
    with _pipe_with(stdin) as source:
        if forked_processes.AVAILABLE:
            return forked_processes.start(arguments, folder=folder, environment=environment, stdin=source)
        return subprocess.Popen(
            [str(SIGNOFF), *arguments],
            cwd=folder,
            env=environment,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )


def start_module(module: str, arguments: Sequence[str], *, folder: Path) -> Process:
    """Start a module of this checkout as `python -m` does, with nothing to read, without waiting for its end."""
    if not forked_processes.AVAILABLE:
        command, pipe = [sys.executable, "-m", module, *arguments], subprocess.PIPE
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, encoding="utf-8"
        )
    with _pipe_with("") as source:
        return forked_processes.start(arguments, folder=folder, environment=os.environ, stdin=source, module=module)


def run(arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], stdin: str = "") -> CommandResult:
    """Run a command to its end."""
    return finish(start(arguments, folder=folder, environment=environment, stdin=stdin))


def finish(process: Process) -> CommandResult:
    """Wait for the end of a command, and return what it printed."""
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in out + err, out + err
    return CommandResult(process.wait(), out, err)


@contextmanager
def _pipe_with(text: str) -> Iterator[int]:
    """Open a pipe that gives this text, which must be short, and ends."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "w", encoding="utf-8") as writer:
            writer.write(text)
        yield reading
    finally:
        os.close(reading)


def create_installation(folder: Path, **settings: str) -> Installation:
    """Create an installation in this folder with additional settings, named without the prefix `SIGNOFF_`."""
    return Installation(
        folder, folder / "signoff.db", {f"SIGNOFF_{name.upper()}": value for name, value in settings.items()}
    )


class Server:
    """A running `signoff serve`."""

    def __init__(self, installation: Installation, *arguments: str) -> None:
        self.process = installation.start("serve", *arguments)
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._ready_line = "Ready" if installation.is_on_server else "Commands on this machine"
        self._readers = [
            threading.Thread(target=self._read, args=(stream,)) for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.append(line)
            if line.startswith(self._ready_line):
                self._ready.set()
        # The process has ended, so `wait_until_ready` must not wait any longer.
        self._ready.set()

    def wait_until_ready(self) -> Server:
        """Wait until the server takes commands."""
        assert self._ready.wait(PATIENCE), self.output
        assert ("Ready" if self._ready_line == "Ready" else "reach it at") in self.output, self.output
        return self

    @property
    def output(self) -> str:
        """Return everything that the server printed so far."""
        return "".join(self._lines)

    @property
    def socket(self) -> Path:
        """Return the path of the socket that the server printed."""
        match = re.search(r"reach it at (.+\.sock)", self.output)
        assert match, self.output
        return Path(match[1])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the server a signal, wait for its end, and return its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self.stop(signal.SIGKILL)

    def wait(self) -> int:
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@contextmanager
def serving(installation: Installation) -> Iterator[Server]:
    """Run a server while the body runs."""
    server = Server(installation)
    try:
        yield server.wait_until_ready()
    finally:
        if server.process.poll() is None:
            server.kill()
        else:
            server.wait()
