"""The database file: what it is, whether it is whole, and who owns it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bot.doctor.context import Case
from bot.doctor.finding import Finding, ok, problem, warning
from bot.local.socket_path import socket_path
from engine.errors import StoreError
from engine.store import health, lock
from engine.store.health import Standing
from engine.store.restored_backup import find_doubt

QUICK_CHECK_SECONDS: Final = 30.0
_ANOTHER: Final = "Set SIGNOFF_DATABASE_URL to another file."
_RESTORE: Final = "Stop the server, keep a copy of the file, and restore a backup made with `signoff backup`."
_LOCKS: Final = Path("/proc/locks")


def file(case: Case) -> Iterator[Finding]:
    """Whether it is there, and what it is."""
    path = case.database
    if path is None:
        yield warning(
            "database.file", "The database was not looked at, because its setting is wrong.", "See `settings`."
        )
    elif not path.exists():
        yield warning(
            "database.file",
            f"There is no database at {path} yet.",
            "Start `signoff serve`, which makes it; or correct SIGNOFF_DATABASE_URL if there should be one.",
        )
    elif not path.is_file():
        yield problem("database.file", f"{path} is no file.", _ANOTHER)
    else:
        yield ok("database.file", f"The database is {path}, {size(path):,} bytes.")


def present(case: Case) -> Path | None:
    """The file, where there is one to look into."""
    path = case.database
    return path if path is not None and path.is_file() else None


def size(path: Path) -> int:
    """The bytes of the file and of what is not yet written back to it."""
    real = path.resolve()
    beside = (real.with_name(real.name + "-wal"), real)
    return sum(one.stat().st_size for one in beside if one.is_file())


def standing(case: Case) -> Standing | None:
    """What it is, where that can be read at all."""
    path = present(case)
    if path is None:
        return None
    try:
        with health.looking(path) as connection:
            return health.standing(connection)
    except StoreError:
        return None


def migrations(case: Case) -> Iterator[Finding]:
    """Whether it has the schema of this version."""
    path = present(case)
    if path is None:
        return
    try:
        with health.looking(path) as connection:
            found = health.standing(connection)
    except StoreError as error:
        yield problem("database.schema", str(error), _RESTORE)
        return
    yield _schema(path, found)


def _schema(path: Path, found: Standing) -> Finding:
    match found:
        case Standing.CURRENT:
            return ok("database.schema", "The database has the schema of this version.")
        case Standing.EMPTY:
            return warning("database.schema", f"{path} is empty.", "Start `signoff serve`, which fills it.")
        case Standing.OLDER:
            return warning(
                "database.schema",
                f"{path} has the schema of an older version.",
                "Stop the server and run `signoff migrate`; `signoff serve` does it too. A backup is made first.",
            )
        case Standing.NEWER:
            return problem("database.schema", f"{path} was written by a newer Signoff.", "Install that version.")
        case Standing.TRIAL:
            told = f"{path} was made by `signoff try`, so anybody may answer for anybody in it."
            return problem("database.schema", told, _ANOTHER)
        case Standing.FOREIGN:
            return problem("database.schema", f"{path} is a database of another program.", _ANOTHER)


def journal(case: Case) -> Iterator[Finding]:
    """Whether it is written through a WAL, so that reading and writing are in nobody's way."""
    path = present(case)
    if path is None or standing(case) not in (Standing.CURRENT, Standing.OLDER):
        return
    if health.has_wal(path):
        yield ok("database.wal", "The database is written through a write-ahead log.")
    else:
        yield warning(
            "database.wal",
            f"{path} is not written through a write-ahead log (WAL); it is a copy, or another program changed that.",
            "Start `signoff serve` on it, which sets it.",
        )


def integrity(case: Case) -> Iterator[Finding]:
    """SQLite's quick check."""
    path = present(case)
    if path is None or standing(case) not in (Standing.CURRENT, Standing.OLDER, Standing.NEWER):
        return
    try:
        with health.looking(path) as connection:
            found = health.damage(connection, seconds=QUICK_CHECK_SECONDS)
    except StoreError as error:
        found = str(error)
    if found is None:
        yield warning(
            "database.integrity",
            f"The database is too large to be checked for damage in {QUICK_CHECK_SECONDS:.0f} seconds.",
            "Make a copy with `signoff backup`, and check that: sqlite3 COPY 'PRAGMA integrity_check'",
        )
    elif found:
        yield problem("database.integrity", f"{path} is damaged: {found.rstrip('.')}.", _RESTORE)
    else:
        yield ok("database.integrity", "SQLite's quick check of the database finds no damage.")


def latest(case: Case) -> Iterator[Finding]:
    """Whether it may be older than what has happened since."""
    path = present(case)
    if path is None or standing(case) not in (Standing.CURRENT, Standing.OLDER):
        return
    try:
        with health.looking(path) as connection:
            doubt = find_doubt(path, connection)
    except StoreError:
        return  # told by the others
    if doubt is None:
        yield ok("database.latest", "Nothing says that the database is older than what has happened since.")
    else:
        yield warning(
            "database.latest",
            f"{path} may be older than what has happened since. {doubt.why}",
            "Put the latest one in its place; or start `signoff serve`, which says what may happen twice, and asks.",
        )


def owner(case: Case) -> Iterator[Finding]:
    """Whether a server runs on it, or something else holds it."""
    path = case.database
    if path is None:
        return
    try:
        held = lock.is_held(path)
    except StoreError as error:
        yield problem("database.owner", str(error), "Run this command as the user that the server runs as.")
        return
    by = _holder(lock.lock_path(path)) if held else ""
    if held and case.serving:
        yield ok("database.owner", f"A server runs on the database{by}.")
    elif held:
        yield warning(
            "database.owner",
            f"A process{by} owns the database and does not answer at {socket_path(path)}.",
            "Look again in a minute: a command at work, or a server that starts, is done by then. Otherwise stop it.",
        )
    elif case.serving:
        yield problem(
            "database.owner",
            "A server answers, but does not own the database: its lock file was removed or replaced.",
            "Restart the server, and leave the files beside the database alone.",
        )
    else:
        yield ok("database.owner", "No server runs on the database; runs go on when `signoff serve` is started.")


def _holder(lock: Path) -> str:
    """Which process it is, where Linux tells: it does not across containers."""
    try:
        found, lines = lock.stat(), _LOCKS.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return ""
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == place and int(words[4]) > 0:
            return f" (process {words[4]})"
    return ""


CHECKS: Final = (file, migrations, journal, integrity, latest, owner)
