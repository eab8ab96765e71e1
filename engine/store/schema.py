"""Opening a database file: its migrations, a backup before them, and copies of a live one."""

from __future__ import annotations

import glob
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy
from sqlalchemy import insert, select

from engine.domain import DEFAULT_WORKSPACE
from engine.errors import StoreError, StoreFull, StoreOutdated, StoreReadOnly, StoreRestored
from engine.ports import Clock, Ids
from engine.store import file_marks, lock
from engine.store.connection import Connection
from engine.store.files import create_private, free, sync_folder
from engine.store.lock import make_file, own
from engine.store.restored_backup import ASKED, RestoreSuspicion, find_suspicion
from engine.store.sqlite import SqliteStore
from engine.store.sqlite_connection import BUSY_SECONDS, SqliteConnection, connect
from engine.store.sqlite_errors import translate, translated
from engine.store.tables import WorkspaceRow

HISTORY: Final = Path(__file__).parent / "migrations"
_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]


TRIAL: Final = "trial"
"""Name of the workspace in a database of `signoff try`, where one person may answer for every approver."""


@contextmanager
def owned(
    path: Path,
    *,
    clock: Clock,
    ids: Ids,
    trial: bool = False,
    busy_seconds: float = BUSY_SECONDS,
    restored: bool = False,
) -> Iterator[SqliteStore]:
    """Open the database file for this process alone; create and migrate it if necessary.

    `trial`: a database of `signoff try`, which is never opened as a real one, nor the reverse.
    `restored`: use a restored backup; without it, `StoreRestored` is raised for one.
    Raises `StoreLocked` while another process owns it, and `StoreError` where it cannot be used.
    """
    with own(path):
        file_marks.check_beside(lock.real_path(path))
        file_marks.check_not_moved(lock.real_path(path))
        # Checked before the migration: a file for the other purpose stays as it is.
        found, suspicion = _examine(path, trial=trial)
        if suspicion is not None and not restored:
            raise StoreRestored(f"The database {path} may be an older copy. {suspicion.why} {ASKED}")
        _migrate(path, found, clock.now(), TRIAL if trial else DEFAULT_WORKSPACE, HISTORY)
        store = SqliteStore(
            path, clock=clock, ids=ids, busy_seconds=busy_seconds, noting=not trial, suspicion=suspicion
        )
        try:
            yield store
        finally:
            store.close()


def _examine(path: Path, *, trial: bool) -> tuple[str | None, RestoreSuspicion | None]:
    """Return the schema of the file, and why it may be a restored backup. Raises `StoreError` for the other purpose.

    On one connection, because each reads the whole schema anew.
    """
    with closing(connect(path, writable=False)) as connection, translated(path):
        found = _revision_of(connection, path)
        if found is not None and _is_trial(connection) != trial:
            raise StoreError(
                f"{path} holds real decisions, and `signoff try` uses only databases that it made. Name another file."
                if trial
                else f"{path} is a database of `signoff try`, where one person answers for everyone. "
                "Set SIGNOFF_DATABASE_URL to another file."
            )
        return found, None if trial else find_suspicion(path, connection)


def prepare(path: Path, *, now: datetime, name: str = DEFAULT_WORKSPACE, history: Path = HISTORY) -> str | None:
    """Migrate the file to the schema of `history`, after a backup. Returns the backup's path, if one was made.

    Either all migrations are applied or none. Raises `StoreOutdated` for a file of a newer program, and
    `StoreError` for one of another program, or beside the log of another, which stays as it is.
    """
    make_file(path)
    file_marks.check_beside(lock.real_path(path))
    return _migrate(path, _own_revision(path), now, name, history)


def _migrate(path: Path, revision: str | None, now: datetime, name: str, history: Path) -> str | None:
    """Migrate the file, which has this schema now, after a backup. Returns the backup's path, if one was made."""
    known_revisions = revisions(history)
    if revision is not None and revision not in known_revisions:
        raise StoreOutdated(_newer(path))
    if revision == known_revisions[-1]:
        return None
    with closing(connect(path, writable=True)) as connection, translated(path):
        saved = backup(path, _backup_path(path, revision, now)) if revision else None
        _upgrade(connection, now, name, history)
    return str(saved) if saved else None


def _backup_path(path: Path, revision: str, now: datetime) -> Path:
    """Return a free name: an interrupted migration leaves its backup, and may be repeated at once."""
    for part in path.parent.glob(f"{glob.escape(path.name)}.*.backup.part"):
        part.unlink(missing_ok=True)
    return free(path.with_name(f"{path.name}.{revision}-{now:%Y%m%dT%H%M%S}.backup"), before=".backup")


def _own_revision(path: Path) -> str | None:
    """Return the schema of the file, or None if it is empty. Read before anything in the file is changed."""
    with closing(connect(path, writable=False)) as connection, translated(path):
        return _revision_of(connection, path)


def _revision_of(connection: SqliteConnection, path: Path) -> str | None:
    found = current_revision(connection)
    if found is None and connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is not None:
        raise StoreError(f"{path} is a database of another program. Set SIGNOFF_DATABASE_URL to another file.")
    return found


def revisions(history: Path) -> list[str]:
    """Return every schema of a history, the newest last: file names begin with their names, and sort."""
    return sorted(file.name.partition("_")[0] for file in (history / "versions").glob("[0-9]*.py"))


def _upgrade(connection: SqliteConnection, now: datetime, name: str, history: Path) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        apply_migrations(connection.core, history)
        create_workspace(connection.core, now, name)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def create_workspace(connection: sqlalchemy.Connection, now: datetime, name: str = DEFAULT_WORKSPACE) -> None:
    """Write the workspace of a new database; do nothing in another one."""
    if connection.execute(select(_workspace.c.id)).first() is None:
        connection.execute(insert(_workspace), {"id": DEFAULT_WORKSPACE, "name": name, "created_at": now})


def apply_migrations(connection: sqlalchemy.Connection, history: Path = HISTORY) -> None:
    """Apply the migrations of a history that the database lacks, in the transaction that the caller began."""
    # Imported here, because Alembic takes long to import, and there is hardly ever a migration to apply.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(history).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def current_revision(connection: Connection) -> str | None:
    """Return the schema of the database, or None for one that is empty or of another program."""
    # This reads the same row as Alembic, which takes long to import.
    named = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.exec_driver_sql(named).first() is None:
        return None
    revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return revision


def revision(path: Path) -> str | None:
    """Return the schema of the file. Raises `StoreError` if there is no such file, or if it is a folder or device."""
    if not path.exists():
        raise StoreError(
            f"There is no database at {path} yet. `signoff serve` and `signoff register` create it. "
            "If you expected one there, check SIGNOFF_DATABASE_URL."
        )
    lock.check_regular(path)
    with closing(connect(path, writable=False)) as connection, translated(path):
        return current_revision(connection)


def is_trial(path: Path) -> bool:
    """Return whether the file was made by `signoff try`, whatever its schema."""
    with closing(connect(path, writable=False)) as connection, translated(path):
        return _is_trial(connection)


def _is_trial(connection: SqliteConnection) -> bool:
    return bool(connection.execute(select(_workspace.c.name)).scalar() == TRIAL)


@contextmanager
def reading(path: Path) -> Iterator[SqliteConnection]:
    """Open a read-only connection to a file of this program's schema, also one that another process owns.

    Raises `StoreError` if there is none, and `StoreOutdated` for another schema.
    """
    check_current(path)
    with closing(connect(path, writable=False)) as connection, translated(path):
        yield connection


def check_current(path: Path) -> None:
    """Raise `StoreOutdated` unless the file has this program's schema."""
    found, known_revisions = revision(path), revisions(HISTORY)
    if found is None and _own_revision(path) is None:
        raise StoreOutdated(f"The database {path} is empty. Start `signoff serve`, which creates its tables.")
    if found not in known_revisions:
        raise StoreOutdated(_newer(path))
    if found != known_revisions[-1]:
        raise StoreOutdated(f"The database {path} was written by an older Signoff. Run `signoff migrate`.")


def _newer(path: Path) -> str:
    return f"The database {path} was written by a newer Signoff. Install that version."


def backup(path: Path, target: Path) -> Path:
    """Copy a live database through SQLite's backup API: a plain file copy would lose the data in the WAL.

    Raises `StoreError` if it cannot be read or written, or if `target` exists.
    """
    if target.exists():
        raise StoreError(f"{target} exists already. Name another file.")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(create_private(part))
        source, copy = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(part)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            file_marks.set_copy(copy)
        finally:
            copy.close()
            source.close()
        part.replace(target)
        sync_folder(target.parent)
    except sqlite3.Error as error:
        # The source is only read: if a disk is full, it is that of the copy.
        translated_error = translate(error, path)
        raise (translate(error, target) if isinstance(translated_error, StoreFull) else translated_error) from error
    except OSError as error:
        raise StoreReadOnly(f"The backup {target} cannot be written: {error.strerror}. Name another file.") from error
    finally:
        part.unlink(missing_ok=True)
    return target
