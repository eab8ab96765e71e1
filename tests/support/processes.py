"""Real processes of the command `signoff`, with a home and a database of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import json_values
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

_KEPT = ("LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """All that it printed, however it was wrapped."""
        return " ".join((self.out + self.err).split())

    @property
    def json(self) -> Any:
        return json_values.loads(self.out)


@dataclass(frozen=True, slots=True)
class Installation:
    """A home folder, a database and settings: everything that a process of Signoff knows of the world."""

    folder: Path
    database: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        # A width that no sentence of a test reaches.
        return {
            **kept,
            "HOME": str(self.folder),
            "PATH": os.defpath,
            "PYTHONUTF8": "1",
            "PYTHONWARNINGS": "error",
            # Nobody beyond this machine is called, and to read whom it trusts takes a tenth of each start.
            "SSL_CERT_FILE": os.devnull,
            "SIGNOFF_DATABASE_URL": f"sqlite:///{self.database}",
            "SIGNOFF_OPERATOR": OPERATOR,
            "SIGNOFF_HTTP_ALLOW": "127.0.0.1",
            **self.settings,
        }

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """A command that the test goes on beside."""
        return subprocess.Popen(
            [str(SIGNOFF), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str | Path, stdin: str = "") -> CommandResult:
        """A command, to its end."""
        finished = subprocess.run(
            [str(SIGNOFF), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        assert "Traceback" not in finished.stdout + finished.stderr
        return CommandResult(finished.returncode, finished.stdout, finished.stderr)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def create_installation(folder: Path, **settings: str) -> Installation:
    """A place in this folder, with these settings beside the usual ones (`SIGNOFF_` is put before their names)."""
    return Installation(
        folder, folder / "signoff.db", {f"SIGNOFF_{name.upper()}": value for name, value in settings.items()}
    )


class Server:
    """A running `signoff serve`."""

    def __init__(self, installation: Installation, *arguments: str) -> None:
        self.process = installation.start("serve", *arguments)
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._readers = [
            threading.Thread(target=self._read, args=(stream,)) for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.append(line)
            if line.startswith("Commands on this machine"):
                self._ready.set()
        # It has ended: nobody need wait any longer.
        self._ready.set()

    def wait_until_ready(self) -> Server:
        """Wait until it answers commands."""
        assert self._ready.wait(PATIENCE), self.output
        assert "reach it at" in self.output, self.output
        return self

    @property
    def output(self) -> str:
        """All that it printed so far."""
        return "".join(self._lines)

    @property
    def socket(self) -> Path:
        """Where it says that it listens."""
        found = re.search(r"reach it at (.+\.sock)", self.output)
        assert found, self.output
        return Path(found[1])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, and wait for its end."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it between one instruction and the next."""
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
    """A server that answers while the body runs."""
    server = Server(installation)
    try:
        yield server.wait_until_ready()
    finally:
        if server.process.poll() is None:
            server.kill()
        else:
            server.wait()
