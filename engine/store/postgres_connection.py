"""A connection to PostgreSQL for plain functions: units of work and queries run in greenlets of the event loop.

A function asks for a statement and is set aside until the loop has its result, so that many functions share one
connection and their statements travel together. `Call` is what it asks for; `postgres_calls` carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet
from msgspec import Struct
from sqlalchemy import CursorResult, Executable

from engine.store.connection import CompiledStatement, Connection

T = TypeVar("T")


class Fetch(Struct, frozen=True, eq=False):
    """A compiled statement whose rows are asked for."""

    statement: CompiledStatement
    values: Sequence[Any]


class Change(Struct, frozen=True, eq=False):
    """A compiled statement whose number of changed rows is asked for."""

    statement: CompiledStatement
    values: Sequence[Any]


class ChangeAll(Struct, frozen=True, eq=False):
    """A compiled statement that runs once for each of the rows."""

    statement: CompiledStatement
    rows: Sequence[Sequence[Any]]


class Core(Struct, frozen=True, eq=False):
    """A statement that SQLAlchemy runs: `run` is called where it may wait for the database."""

    run: Callable[[], CursorResult[Any]]


class Turn(Struct, frozen=True, eq=False):
    """A wish to be the only one, in all processes, that works on `key` until the transaction ends."""

    key: str


class Alone(Struct, frozen=True, eq=False):
    """A wish to go on only while no other unit, of any process, runs."""


Call = Fetch | Change | ChangeAll | Core | Turn | Alone


def ask(call: Call) -> Any:
    """Set the running function aside, and return the result of its call."""
    caller = getcurrent()
    assert caller.parent is not None
    return caller.parent.switch(call)


class PostgresConnection(Connection):
    """The connection that a function in a greenlet sees. Many functions may share it."""

    __slots__ = ()

    def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Run a statement through SQLAlchemy, for statements that are rare or differ each time."""
        result: CursorResult[Any] = ask(Core(lambda: self.core.execute(statement, params)))
        return result

    def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Run SQL text as it is."""
        result: CursorResult[Any] = ask(Core(lambda: self.core.exec_driver_sql(statement)))
        return result

    def fetch(self, statement: CompiledStatement, values: Sequence[Any]) -> Sequence[Iterable[Any]]:
        """Run a compiled statement, and return its rows as tuples."""
        rows: Sequence[Iterable[Any]] = ask(Fetch(statement, values))
        return rows

    def change(self, statement: CompiledStatement, values: Sequence[Any]) -> int:
        """Run a compiled statement, and return the number of rows that it changed."""
        count: int = ask(Change(statement, values))
        return count

    def change_all(self, statement: CompiledStatement, rows: Iterable[Sequence[Any]]) -> None:
        """Run a compiled statement once for each of the rows."""
        ask(ChangeAll(statement, [*rows]))

    def take_turn(self, key: str) -> None:
        """Wait until no other unit, of any process, has this turn. It ends with the transaction."""
        ask(Turn(key))

    def work_alone(self) -> None:
        """Go on at once in a transaction that excludes all others; any other is rolled back."""
        ask(Alone())

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See the database as it is now while the body runs: a query's transaction does so anyway."""
        yield

    def overwrite_deleted(self) -> None:
        """Do nothing: PostgreSQL reuses the space of deleted rows when it vacuums, and cannot overwrite it at once."""


class Function:
    """A plain function that runs until its next call. `call`: what it asks for; None if it has ended."""

    __slots__ = ("_greenlet", "call", "error", "result", "wrote")

    def __init__(self, function: Callable[[], Any]) -> None:
        self._greenlet = greenlet(function)
        self.call: Call | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.wrote = False
        """Whether it has changed the database; set by who carries out its calls."""
        self._step(self._greenlet.switch)

    def go_on(self, result: Any) -> None:
        """Give it the result of its call."""
        self._step(self._greenlet.switch, result)

    def fail(self, error: BaseException) -> None:
        """Raise the error of its call in it."""
        self._step(self._greenlet.throw, error)

    def _step(self, step: Callable[..., Any], *args: Any) -> None:
        try:
            result = step(*args)
        except BaseException as error:  # noqa: BLE001 whatever a function raises belongs to its caller
            self.call, self.error = None, error
            return
        if self._greenlet.dead:
            self.call, self.result = None, result
            return
        self.call = result
