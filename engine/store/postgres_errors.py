"""Translates PostgreSQL's errors into ours, with a sentence for the operator."""

from __future__ import annotations

from typing import Final

import asyncpg
from sqlalchemy import exc

from engine.errors import StoreError, StoreFull, StoreReadOnly

AGAIN: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
"""Another process was faster at the same rows, or migrated the schema: the unit runs again, and then sees it."""
_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)


def original(error: BaseException) -> BaseException:
    """Return the driver's error behind one of SQLAlchemy."""
    while isinstance(error, exc.DBAPIError) and error.orig is not None:
        error = error.orig.__cause__ or error.orig
    return error


def is_lost(error: BaseException) -> bool:
    """Return whether the connection is of no use any more."""
    return isinstance(original(error), _LOST)


def is_again(error: BaseException) -> bool:
    """Return whether the same unit may succeed when it runs again at once."""
    return isinstance(original(error), AGAIN)


def translate(error: BaseException, place: str) -> BaseException:
    """Return the `StoreError` for an error of the database at `place`; return any other error as it is."""
    cause = original(error)
    if isinstance(cause, asyncpg.TooManyConnectionsError):
        return StoreError(
            f"The database {place} has no connection left; nothing was saved. Raise max_connections there, or lower "
            "SIGNOFF_DATABASE_CONNECTIONS here."
        )
    if isinstance(cause, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return StoreError(f"The database {place} refuses this user; check the name and password in its address.")
    if isinstance(cause, asyncpg.InvalidCatalogNameError):
        return StoreError(f"There is no database {place}; create it, or set SIGNOFF_DATABASE_URL to another one.")
    if isinstance(cause, asyncpg.DiskFullError | asyncpg.OutOfMemoryError):
        return StoreFull(f"The database {place} is full; nothing was saved. Make room; Signoff goes on by itself then.")
    if isinstance(cause, asyncpg.ReadOnlySQLTransactionError):
        return StoreReadOnly(f"The database {place} is read-only; set SIGNOFF_DATABASE_URL to the primary server.")
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return StoreReadOnly(f"The user of {place} lacks a right ({cause}); grant it on all tables of Signoff.")
    if isinstance(cause, _LOST):
        return StoreError(f"The database {place} does not answer ({_why(cause)}); nothing was saved. Is it running?")
    if isinstance(cause, asyncpg.InsufficientResourcesError | asyncpg.OperatorInterventionError):
        return StoreError(f"The database {place} stopped the work ({cause}); nothing was saved.")
    if is_again(error):
        return StoreError(f"Too many processes changed the same rows of {place} at once; nothing was saved. Try again.")
    return error


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
