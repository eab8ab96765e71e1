"""Translates PostgreSQL's errors into ours, with a sentence for the operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy import exc

from engine.errors import StoreError, StoreFull, StoreReadOnly, StoreUnanswered

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
    asyncpg.InternalClientError,  # the server has said that it ends the connection, which is not closed yet
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)


class CommitUnknown(Exception):
    """The connection was lost while a commit was under way: its transaction may be durable."""


def original(error: BaseException) -> BaseException:
    """Return the driver's error behind one of SQLAlchemy."""
    while isinstance(error, exc.DBAPIError) and error.orig is not None:
        error = error.orig.__cause__ or error.orig
    return error


def reason(error: BaseException) -> str:
    """Return what the driver says about an error, or else the name of its kind."""
    cause = original(error)
    return str(cause) or type(cause).__name__


def is_lost(error: BaseException) -> bool:
    """Return whether the connection is of no use any more."""
    return isinstance(original(error), (*_LOST, CommitUnknown))


def is_broken_off(error: BaseException) -> bool:
    """Return whether the connection was lost before a commit, and at once: the same work may be done on another."""
    cause = original(error)
    return isinstance(cause, _LOST) and not isinstance(cause, TimeoutError | StoreError)


def is_unstorable(error: BaseException) -> bool:
    """Return whether a text holds what PostgreSQL does not store: U+0000, or half of a surrogate pair."""
    return isinstance(original(error), asyncpg.DataError)


def is_again(error: BaseException) -> bool:
    """Return whether the same unit may succeed when it runs again at once."""
    return isinstance(original(error), AGAIN)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise errors of the database in the body as `StoreError`; leave all others as they are."""
    try:
        yield
    except (exc.SQLAlchemyError, asyncpg.PostgresError, *_LOST) as error:
        translation = translate(error, place)
        if translation is error:
            raise
        raise translation from error


def translate(error: BaseException, place: str) -> BaseException:
    """Return the `StoreError` for an error of the database at `place`; return any other and our own as they are."""
    if isinstance(error, StoreError):
        return error
    cause = original(error)
    refused = _refused(cause, place)
    if refused is not None:
        return refused
    if isinstance(cause, asyncpg.DiskFullError | asyncpg.OutOfMemoryError):
        return StoreFull(
            f"The database {place} is full, so nothing was saved. Make room, and Signoff goes on by itself."
        )
    if isinstance(cause, asyncpg.ReadOnlySQLTransactionError):
        return StoreReadOnly(
            f"The database {place} is read-only, so nothing was saved. Set SIGNOFF_DATABASE_URL to the primary server."
        )
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return StoreReadOnly(
            f"The user of {place} lacks a right ({cause}), so nothing was saved. Grant it on all tables of Signoff."
        )
    if isinstance(cause, CommitUnknown):
        return StoreUnanswered(
            f"The database {place} was lost while it saved, so it is unknown whether it did. Look before you repeat it."
        )
    if isinstance(cause, _LOST):
        return StoreError(
            f"The database {place} does not answer ({reason(error)}), so nothing was saved. Is it running?"
        )
    if isinstance(cause, asyncpg.InsufficientResourcesError | asyncpg.OperatorInterventionError):
        return StoreError(f"The database {place} stopped the work ({cause}), so nothing was saved.")
    if is_again(error):
        return StoreError(
            f"Too many processes changed the same rows of {place} at once, so nothing was saved. Try again."
        )
    return error


def _refused(cause: BaseException, place: str) -> StoreError | None:
    """Return the error for a connection that the server refused, or None for anything else."""
    if isinstance(cause, asyncpg.TooManyConnectionsError):
        return StoreError(
            f"The database {place} has no connection left, so nothing was saved. Raise max_connections there, or run "
            "fewer processes."
        )
    if isinstance(cause, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return StoreError(f"The database {place} refuses this user. Check the name and password in its address.")
    if isinstance(cause, asyncpg.InvalidCatalogNameError):
        return StoreError(f"There is no database {place}. Create it, or set SIGNOFF_DATABASE_URL to another one.")
    return None
