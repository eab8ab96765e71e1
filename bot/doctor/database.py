"""Checks of the database file: its schema, damage, and the process that owns it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bot.doctor.context import CheckContext
from bot.doctor.finding import CORRECT_SETTINGS, Finding, ok, problem, warning
from bot.local.socket_path import socket_path
from engine.errors import StoreError
from engine.store import health, lock
from engine.store.health import SchemaState
from engine.store.restored_backup import find_suspicion

QUICK_CHECK_SECONDS: Final = 30.0
"""How long SQLite may look for damage."""
_USE_ANOTHER: Final = "Set SIGNOFF_DATABASE_URL to another file."
_RESTORE: Final = "Stop the server, keep a copy of the file, and restore a backup made with `signoff backup`."
_LOCKS: Final = Path("/proc/locks")
"""The list of file locks, on Linux."""


def file(context: CheckContext) -> Iterator[Finding]:
    """Check that the file exists and is a file."""
    path = context.database
    if context.server_url is not None:
        return
    if path is None:
        yield warning("database.file", "The database was not checked, because its setting is wrong.", CORRECT_SETTINGS)
    elif not path.exists():
        yield warning(
            "database.file",
            f"There is no database at {path} yet.",
            "Start `signoff serve`, which creates it. If there should be one, correct SIGNOFF_DATABASE_URL.",
        )
    elif not path.is_file():
        yield problem("database.file", f"{path} is not a file, so it cannot be the database.", _USE_ANOTHER)
    else:
        yield ok("database.file", f"The database is {path}, {size(path):,} bytes.")


def existing_file(context: CheckContext) -> Path | None:
    """Return the database file, or None if there is none."""
    path = context.database
    return path if path is not None and path.is_file() else None


def size(path: Path) -> int:
    """Return the bytes of the file and of its write-ahead log."""
    real = path.resolve()
    return sum(file.stat().st_size for file in (real.with_name(f"{real.name}-wal"), real) if file.is_file())


def schema_state(context: CheckContext) -> SchemaState | None:
    """Return the state of the schema, or None if it cannot be read."""
    path = existing_file(context)
    if path is None:
        return None
    try:
        with health.open_for_inspection(path) as connection:
            return health.schema_state(connection)
    except StoreError:
        return None


def schema(context: CheckContext) -> Iterator[Finding]:
    """Check that the database has the schema of this version."""
    path = existing_file(context)
    if path is None:
        return
    try:
        with health.open_for_inspection(path) as connection:
            state = health.schema_state(connection)
    except StoreError as error:
        yield problem("database.schema", str(error), _RESTORE)
        return
    yield _schema_finding(path, state)


def _schema_finding(path: Path, state: SchemaState) -> Finding:
    match state:
        case SchemaState.CURRENT:
            return ok("database.schema", "The database has the schema of this version.")
        case SchemaState.EMPTY:
            return warning("database.schema", f"{path} is empty.", "Start `signoff serve`, which creates its tables.")
        case SchemaState.OLDER:
            return warning(
                "database.schema",
                f"{path} has the schema of an older version.",
                "Stop the server and run `signoff migrate`. `signoff serve` does it too. Both make a backup first.",
            )
        case SchemaState.NEWER:
            return problem("database.schema", f"{path} was written by a newer Signoff.", "Install that version.")
        case SchemaState.TRIAL:
            message = f"{path} was made by `signoff try`, so anyone may answer for anyone in it."
            return problem("database.schema", message, _USE_ANOTHER)
        case SchemaState.FOREIGN:
            return problem("database.schema", f"{path} is a database of another program.", _USE_ANOTHER)


def journal(context: CheckContext) -> Iterator[Finding]:
    """Check that the file has a write-ahead log, so that readers and the writer do not block each other."""
    path = existing_file(context)
    if path is None or schema_state(context) not in (SchemaState.CURRENT, SchemaState.OLDER):
        return
    if health.has_wal(path):
        yield ok("database.wal", "The database has a write-ahead log.")
    else:
        yield warning(
            "database.wal",
            f"{path} has no write-ahead log (WAL): it is a copy, or a program turned the log off.",
            "Start `signoff serve`, which turns it on.",
        )


def integrity(context: CheckContext) -> Iterator[Finding]:
    """Run SQLite's quick check."""
    path = existing_file(context)
    if path is None or schema_state(context) not in (SchemaState.CURRENT, SchemaState.OLDER, SchemaState.NEWER):
        return
    try:
        with health.open_for_inspection(path) as connection:
            damage = health.find_damage(connection, seconds=QUICK_CHECK_SECONDS)
    except StoreError as error:
        damage = str(error)
    if damage is None:
        yield warning(
            "database.integrity",
            f"The database is too large to be checked for damage in {QUICK_CHECK_SECONDS:.0f} seconds.",
            "Make a copy with `signoff backup`, and check that: sqlite3 COPY 'PRAGMA integrity_check'",
        )
    elif damage:
        yield problem("database.integrity", f"{path} is damaged: {damage.rstrip('.')}.", _RESTORE)
    else:
        yield ok("database.integrity", "SQLite's quick check of the database finds no damage.")


def restored_backup(context: CheckContext) -> Iterator[Finding]:
    """Check whether the file may be an older copy."""
    path = existing_file(context)
    if path is None or schema_state(context) not in (SchemaState.CURRENT, SchemaState.OLDER):
        return
    try:
        with health.open_for_inspection(path) as connection:
            suspicion = find_suspicion(path, connection)
    except StoreError:
        return  # The other checks report it.
    if suspicion is None:
        yield ok("database.latest", "There is no sign that the database is an older copy.")
    else:
        yield warning(
            "database.latest",
            f"{path} may be an older copy. {suspicion.why}",
            "Restore the newest copy. Or start `signoff serve`, which shows what may happen twice, and asks.",
        )


def owner(context: CheckContext) -> Iterator[Finding]:
    """Check which process owns the database."""
    path = context.database
    if path is None:
        return
    try:
        is_locked = lock.is_held(path)
    except StoreError as error:
        yield problem("database.owner", str(error), "Run this command as the user that the server runs as.")
        return
    process = _lock_holder(lock.lock_path(path)) if is_locked else ""
    if is_locked and context.serving:
        yield ok("database.owner", f"A server uses the database{process}.")
    elif is_locked:
        yield warning(
            "database.owner",
            f"A process{process} owns the database and does not answer at {socket_path(path)}.",
            "Run this again in a minute: a command or a starting server is done by then. Otherwise stop the process.",
        )
    elif context.serving:
        yield problem(
            "database.owner",
            "A server answers, but does not own the database: its lock file was removed or replaced.",
            "Restart the server, and do not touch the files beside the database.",
        )
    else:
        yield ok("database.owner", "No server uses the database. Runs continue when you start `signoff serve`.")


def _lock_holder(lock: Path) -> str:
    """Name the process that holds the lock, if Linux shows it; it does not across containers."""
    try:
        info, lines = lock.stat(), _LOCKS.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return ""
    inode = f"{os.major(info.st_dev):02x}:{os.minor(info.st_dev):02x}:{info.st_ino}"
    for line in lines:
        columns = line.split()
        if len(columns) > 5 and columns[1] == "FLOCK" and columns[5] == inode and int(columns[4]) > 0:
            return f" (process {columns[4]})"
    return ""


CHECKS: Final = (file, schema, journal, integrity, restored_backup, owner)
