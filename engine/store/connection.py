"""A connection to the database as queries and units of work use it, whichever database it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

import sqlalchemy
from sqlalchemy import CursorResult, Executable


class CompiledStatement(Protocol):
    """A statement as one dialect writes it.

    `text` has the driver's placeholders. `values` puts named parameters in their order; `read` makes a row of a tuple.
    """

    text: str
    values: Callable[[Any], Sequence[Any]]
    read: Callable[[Iterable[Any]], Any]


class Connection(ABC):
    """A connection that runs statements for one caller at a time. `core` is SQLAlchemy's, `database` names its dialect.

    What differs between databases is abstract here. Errors are the driver's own.
    """

    __slots__ = ("core", "database")
    has_rivals: ClassVar[bool] = True
    """Whether others may write at the same time, so that rows have to be locked."""

    def __init__(self, core: sqlalchemy.Connection) -> None:
        self.core = core
        self.database = core.dialect.name

    @abstractmethod
    def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Run a statement through SQLAlchemy, for statements that are rare or differ each time."""

    @abstractmethod
    def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Run SQL text as it is."""

    @abstractmethod
    def fetch(self, statement: CompiledStatement, values: Sequence[Any]) -> Sequence[Iterable[Any]]:
        """Run a compiled statement, and return its rows as tuples."""

    @abstractmethod
    def change(self, statement: CompiledStatement, values: Sequence[Any]) -> int:
        """Run a compiled statement, and return the number of rows that it changed."""

    @abstractmethod
    def change_all(self, statement: CompiledStatement, rows: Iterable[Sequence[Any]]) -> None:
        """Run a compiled statement once for each of the rows."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """See the database as it is now while the body runs, whatever a server writes meanwhile."""

    @abstractmethod
    def take_turn(self, key: str) -> None:
        """Wait until no other unit of work, of any process, has this turn. It ends with the transaction."""

    @abstractmethod
    def work_alone(self) -> None:
        """Go on only while no other unit of work, of any process, runs. The unit may be begun anew for that."""

    @abstractmethod
    def overwrite_deleted(self) -> None:
        """Overwrite deleted and replaced data on the disk from now on, as far as the database can."""
