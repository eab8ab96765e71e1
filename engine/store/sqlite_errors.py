"""Translates SQLite's errors into ours, with a sentence for the operator."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import exc

from engine.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly

_NO_ROOM: Final = (
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
    "SQLITE_IOERR_SHMSIZE",
)
_OURS: Final = (
    "SQLITE_ERROR",
    "SQLITE_CONSTRAINT",
    "SQLITE_MISMATCH",
    "SQLITE_MISUSE",
    "SQLITE_RANGE",
    "SQLITE_TOOBIG",
)
"""Errors of a wrong statement or row: they are bugs, and repeating does not help."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise errors of the database in the body as `StoreError`; leave all others as they are."""
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error) as error:
        translated_error = translate(error, path)
        if translated_error is error:
            raise
        raise translated_error from error


def translate(error: BaseException, path: Path) -> BaseException:
    """Return the `StoreError` for an error of SQLite; return any other error as it is."""
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    if not isinstance(original, sqlite3.Error):
        return error
    name = getattr(original, "sqlite_errorname", "") or ""
    if not name or name.startswith(_OURS):
        return error
    return _by_name(name, original, path)


def _by_name(name: str, original: sqlite3.Error, path: Path) -> StoreError:
    if name in _NO_ROOM:
        return StoreFull(
            f"The database {path} could not be written ({original}), so nothing was saved. "
            "Free space on its disk. Signoff then continues by itself."
        )
    if name.startswith("SQLITE_IOERR"):
        return StoreError(
            f"The database {path} could not be read or written ({original}), so nothing was saved. Check its disk."
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return StoreLocked(
            f"The database {path} is locked by another program, so nothing was saved. Close that program."
        )
    if name.startswith("SQLITE_READONLY") or name == "SQLITE_PERM":
        return StoreReadOnly(f"The database {path} or its folder cannot be written. Let this user write there.")
    if name.startswith("SQLITE_CANTOPEN"):
        return StoreReadOnly(f"The database {path} cannot be opened. Check that this user may write to its folder.")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreError(
            f"The file {path} is not a Signoff database, or is damaged. Restore a backup, or use another file."
        )
    return StoreError(f"The database {path} failed: {original}")
