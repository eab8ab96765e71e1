"""Processes of `signoff` that are forks of one which has imported it, because imports take most of a start.

Each process of tests starts one that imports all commands, the parent of the forks. A fork gets arguments, environment,
folder and streams of its own. From there on it is a process like any other: a child of the process of tests, which can
stop it, kill it and wait for it. Needs Linux.
"""

from __future__ import annotations

import array
import atexit
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final

AVAILABLE: Final = sys.platform == "linux"
PARENT: Final = Path(__file__).with_name("fork_parent.py")
_PR_SET_CHILD_SUBREAPER: Final = 36
_LARGEST: Final = 200_000
_lock = threading.Lock()


class ForkedProcess:
    """A process that was forked, with the interface of `subprocess.Popen`. Its streams are pipes or None."""

    def __init__(self, pid: int, stdout: IO[str] | None = None, stderr: IO[str] | None = None) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._descriptor: int | None = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        if self._descriptor is not None and _is_readable(self._descriptor, 0):
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code, which is negative after a signal."""
        if self._descriptor is not None:
            if not _is_readable(self._descriptor, timeout):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._descriptor)
            self._descriptor = None
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None and self._descriptor is not None:
            signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, *, timeout: float = 60.0) -> tuple[str, str]:
        """Wait for the end, and return what the process printed. One that does not end in time is killed."""
        assert self.stdout is not None
        assert self.stderr is not None
        late = threading.Timer(timeout, self.kill)
        late.start()
        errors: list[str] = []
        reader = threading.Thread(target=lambda stream: errors.append(stream.read()), args=(self.stderr,))
        reader.start()
        with self.stdout, self.stderr:
            out = self.stdout.read()
            reader.join()
        expired = not late.is_alive()
        late.cancel()
        late.join()
        self.wait(timeout)
        if expired:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout, out)
        return out, errors[0]


def _is_readable(descriptor: int, timeout: float | None) -> bool:
    """Wait for a descriptor, also where a test has opened more than `select` can take."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


def start(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: int,
    piped: bool = True,
    module: str = "",
) -> ForkedProcess:
    """Start `signoff` with these arguments, or the module as `python -m` does.

    Without pipes, `stdin` is a terminal, and all its streams are that.
    """
    pipes = [os.pipe(), os.pipe()] if piped else []
    streams = [stdin, *(write for _, write in pipes)] if piped else [stdin] * 3
    request = {
        "arguments": [*arguments],
        "folder": str(folder),
        "environment": {**environment},
        "terminal": not piped,
        "module": module,
    }
    try:
        pid = _fork(json.dumps(request).encode(), streams)
    finally:
        for _, write in pipes:
            os.close(write)
    return ForkedProcess(pid, *(os.fdopen(read, encoding="utf-8") for read, _ in pipes))


def _fork(request: bytes, streams: Sequence[int]) -> int:
    assert len(request) < _LARGEST
    with _lock:
        parent = _parent()
        # The fork becomes a child of this process, which can then wait for it, once the process between has ended.
        _adopt_orphans(adopts=True)
        try:
            parent.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))])
            answer = parent.recv(_LARGEST)
        finally:
            _adopt_orphans(adopts=False)
    assert answer, "the parent of the forks has ended"
    return int(answer)


def _adopt_orphans(*, adopts: bool) -> None:
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(adopts), 0, 0, 0) == 0


@cache
def _parent() -> socket.socket:
    """Start the parent of the forks, and return the connection to it. It ends with the connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kept = ("LANG", "LC_ALL", "TMPDIR", "HOME", "PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    settings = {"PYTHONUTF8": "1", "PYTHONWARNINGS": "error", "SSL_CERT_FILE": os.devnull}
    process = subprocess.Popen(
        [sys.executable, "-P", str(PARENT), str(theirs.fileno())],
        env={**environment, **settings},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
