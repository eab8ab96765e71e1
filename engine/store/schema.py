"""Opening a database file: lock, backup, migrations. A second owner is refused with a sentence."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import insert, select

from engine.errors import StoreError, StoreFull, StoreLocked, StoreOutdated, StoreReadOnly
from engine.model import DEFAULT_WORKSPACE
from engine.ports import Clock, Ids
from engine.store.connection import BUSY_SECONDS, Connection, connect
from engine.store.failures import translate, translated
from engine.store.writer import SqliteFile
from engine.tables import WorkspaceRow

HISTORY: Final = Path(__file__).parents[1] / "migrations"
_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]


TRIAL: Final = "trial"
"""Name of the workspace in a database of `signoff try`, where anybody may answer in anybody's place."""


@contextmanager
def owned(
    path: Path, *, clock: Clock, ids: Ids, trial: bool = False, busy_seconds: float = BUSY_SECONDS
) -> Iterator[SqliteFile]:
    """The database file, made and migrated if need be, for this process alone.

    `trial`: a database in which anybody may play anybody; such a one is never opened as a real one, nor the reverse.
    Raises `StoreLocked` while another process owns it, and `StoreError` where it cannot be used.
    """
    with held(path):
        # Looked at before anything is migrated: a file for the other purpose stays as it is.
        if path.is_file() and _own_revision(path) is not None and is_trial(path) != trial:
            raise StoreError(
                f"{path} holds real decisions; `signoff try` takes only a database that it made itself."
                if trial
                else f"{path} is a database of `signoff try`, in which anybody may answer for anybody; "
                "use another file."
            )
        prepare(path, now=clock.now(), name=TRIAL if trial else DEFAULT_WORKSPACE)
        store = SqliteFile(path, clock=clock, ids=ids, busy_seconds=busy_seconds)
        try:
            yield store
        finally:
            store.close()


def lock_path(path: Path) -> Path:
    """The lock beside the file itself, so that two links to one file are one lock."""
    real = path.resolve()
    return real.with_name(real.name + ".lock")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Own the file while the body runs. Raises `StoreLocked` while another process does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreReadOnly(
            f"The folder {path.parent} cannot be written ({error.strerror}); "
            "give this user the right to, or set SIGNOFF_DATABASE_URL to another place."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreLocked(
                f"Another Signoff process uses {path}. Stop it, or set SIGNOFF_DATABASE_URL to another file."
            ) from error
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether another process owns the file. Asking makes nothing, not even the lock.

    Raises `StoreReadOnly` where this user may not see the lock.
    """
    try:
        descriptor = os.open(lock_path(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreReadOnly(f"The lock {lock_path(path)} cannot be looked at: {error.strerror}.") from error
    try:
        # Shared, and given back at once: whoever asks too is not in the way.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def prepare(path: Path, *, now: datetime, name: str = DEFAULT_WORKSPACE, history: Path = HISTORY) -> str | None:
    """Bring the file to the schema of `history`, after a backup. Returns the backup's path, if one was made.

    Either the whole way is gone or nothing is changed. Raises `StoreOutdated` for a file of a newer program, and
    `StoreError` for one of another program, which stays as it is.
    """
    _make(path)
    here, known = _own_revision(path), revisions(history)
    if here is not None and here not in known:
        raise StoreOutdated(f"{path} was written by a newer Signoff; install that version to use it.")
    with closing(connect(path, writable=True)) as connection, translated(path):
        if here == known[-1]:
            return None
        saved = backup(path, path.with_name(f"{path.name}.{here}-{now:%Y%m%dT%H%M%S}.backup")) if here else None
        _upgrade(connection, now, name, history)
    return str(saved) if saved else None


def _make(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is no file; name another place for the database.")
    try:
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreReadOnly(
            f"The database {path} cannot be made ({error.strerror}); give this user the right to."
        ) from error


def _own_revision(path: Path) -> str | None:
    """The schema that the file has; None: it is empty. Looked up before anything in the file is touched."""
    with closing(connect(path, writable=False)) as connection, translated(path):
        here = _revision(connection)
        if here is None and connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is not None:
            raise StoreError(f"{path} is a database of another program; use another file.")
    return here


def revisions(history: Path) -> list[str]:
    """Every schema of a history, the newest last: their names begin the names of its files, and sort."""
    return sorted(one.name.partition("_")[0] for one in (history / "versions").glob("[0-9]*.py"))


def _upgrade(connection: Connection, now: datetime, name: str, history: Path) -> None:
    # A tenth of what a server needs to start, and hardly ever is there anything to upgrade.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(history).replace("%", "%%"))
    config.attributes["connection"] = connection.core
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        command.upgrade(config, "head")
        if connection.execute(select(_workspace.c.id)).first() is None:
            row = {"id": DEFAULT_WORKSPACE, "name": name, "created_at": now}
            connection.execute(insert(_workspace), row)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _revision(connection: Connection) -> str | None:
    # As Alembic reads it, without importing Alembic.
    named = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.exec_driver_sql(named).first() is None:
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return found


def revision(path: Path) -> str | None:
    """The schema that the file has. Raises `StoreError` where there is no such file."""
    if not path.exists():
        raise StoreError(f"There is no database at {path} yet; `signoff serve` or `signoff register` makes one.")
    with closing(connect(path, writable=False)) as connection, translated(path):
        return _revision(connection)


def is_trial(path: Path) -> bool:
    """Whether the file was made by `signoff try`, whatever its schema."""
    with closing(connect(path, writable=False)) as connection, translated(path):
        return connection.execute(select(_workspace.c.name)).scalar() == TRIAL


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """A connection that cannot write, to a file of this program's schema, whoever owns it.

    Raises `StoreError` where there is none, and `StoreOutdated` for another schema.
    """
    check_current(path)
    with closing(connect(path, writable=False)) as connection, translated(path):
        yield connection


def check_current(path: Path) -> None:
    """Raises `StoreOutdated` unless the file has this program's schema."""
    if revision(path) != revisions(HISTORY)[-1]:
        raise StoreOutdated(f"{path} has another schema than this version of Signoff; run `signoff migrate`.")


def backup(path: Path, target: Path) -> Path:
    """Copy a live database through SQLite's backup API: a plain file copy would lose what is still in the WAL.

    Raises `StoreError` where it cannot be read or written, and where `target` exists.
    """
    if target.exists():
        raise StoreError(f"{target} exists already; name another file.")
    part = target.with_name(target.name + ".part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600))
        source, copy = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(part)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
            source.close()
        part.replace(target)
    except sqlite3.Error as error:
        # The source is only read: where there is no room, it is the copy that has none.
        told = translate(error, path)
        raise (translate(error, target) if isinstance(told, StoreFull) else told) from error
    except OSError as error:
        raise StoreReadOnly(f"The backup {target} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return target
