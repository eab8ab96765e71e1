"""Each error of PostgreSQL becomes sentences for the operator: what was not saved, and what to do."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from engine.errors import StoreError, StoreFull, StoreReadOnly, StoreUnanswered
from engine.store.postgres_errors import CommitUnknown, reason, translate

PLACE = "signoff on db.example.com"
ERRORS: list[tuple[BaseException, type[StoreError], str]] = [
    (asyncpg.DiskFullError("could not extend file"), StoreFull, "nothing was saved. Make room"),
    (asyncpg.OutOfMemoryError("out of memory"), StoreFull, "nothing was saved. Make room"),
    (asyncpg.ReadOnlySQLTransactionError("read-only"), StoreReadOnly, "nothing was saved. Set SIGNOFF_DATABASE_URL"),
    (asyncpg.InsufficientPrivilegeError("permission denied"), StoreReadOnly, "(permission denied)"),
    (CommitUnknown(), StoreUnanswered, "it is unknown whether it did. Look before you repeat it."),
    (ConnectionRefusedError(111, "Connection refused"), StoreError, "nothing was saved. Is it running?"),
    (TimeoutError(), StoreError, "does not answer (TimeoutError)"),
    (asyncpg.AdminShutdownError("terminating connection"), StoreError, "does not answer (terminating connection)"),
    (asyncpg.InternalClientError("unexpected"), StoreError, "nothing was saved. Is it running?"),
    (asyncpg.QueryCanceledError("canceling statement"), StoreError, "stopped the work (canceling statement)"),
    (asyncpg.DeadlockDetectedError("deadlock detected"), StoreError, "nothing was saved. Try again."),
    (asyncpg.TooManyConnectionsError("sorry"), StoreError, "nothing was saved. Raise max_connections there"),
    (asyncpg.InvalidPasswordError("no"), StoreError, "refuses this user. Check the name and password"),
    (asyncpg.InvalidCatalogNameError("no"), StoreError, f"There is no database {PLACE}. Create it"),
]


@pytest.mark.parametrize(("error", "kind", "words"), ERRORS, ids=[type(error).__name__ for error, _, _ in ERRORS])
def test_an_error_becomes_plain_sentences(error: BaseException, kind: type[StoreError], words: str) -> None:
    translation = translate(error, PLACE)
    assert type(translation) is kind
    sentences = str(translation)
    assert words in sentences
    assert PLACE in sentences
    assert ";" not in sentences
    assert sentences.endswith((".", "?"))


def test_our_own_errors_and_those_of_the_program_are_left_as_they_are() -> None:
    for error in (StoreError("It is so."), ValueError("a mistake"), asyncpg.PostgresSyntaxError("a mistake")):
        assert translate(error, PLACE) is error


def test_an_error_without_a_text_is_named_by_its_kind() -> None:
    assert reason(TimeoutError()) == "TimeoutError"
    assert reason(ConnectionRefusedError(111, "Connection refused")) == "[Errno 111] Connection refused"
    wrapped = DBAPIError("SELECT 1", None, asyncpg.TooManyConnectionsError("sorry"))
    assert reason(wrapped) == "sorry"
