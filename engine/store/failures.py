"""What SQLite says when it fails, as our exceptions with a sentence for the operator."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import exc

from engine.errors import SignoffError, StoreError, StoreFull, StoreLocked, StoreReadOnly


def translate(error: BaseException, path: Path) -> BaseException:
    """The `StoreError` for a driver's or SQLAlchemy's error; any other error is returned as it is."""
    if isinstance(error, SignoffError):
        return error
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    if not isinstance(original, sqlite3.Error):
        return error
    name = getattr(original, "sqlite_errorname", "") or ""
    return _by_name(name, original, path)


def _by_name(name: str, original: sqlite3.Error, path: Path) -> BaseException:
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
        return StoreFull(
            f"The database {path} could not be written ({original}); nothing was saved. "
            "Make room on its disk; Signoff goes on by itself then."
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreLocked(f"The database {path} is locked by another program; nothing was saved. Close that program.")
    if name.startswith("SQLITE_READONLY") or name == "SQLITE_PERM":
        return StoreReadOnly(f"The database {path} or its folder cannot be written; give this user the right to.")
    if name.startswith("SQLITE_CANTOPEN"):
        return StoreReadOnly(f"The database {path} cannot be opened; see that its folder exists and can be written.")
    if name in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
        return StoreError(f"The file {path} is not a Signoff database, or is damaged; restore a backup.")
    return StoreError(f"The database {path} failed: {original}")
