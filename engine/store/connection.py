"""A connection to the database as queries and units of work use it, whichever database it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy
from sqlalchemy import CursorResult, Executable


class Connection(ABC):
    """The connection of one thread. `core` is SQLAlchemy's, `driver` the DB-API's; `cursor` runs prepared statements.

    Finding the driver behind SQLAlchemy's connection each time would take as long as a look-up by key. What differs
    between databases is abstract here.
    """

    __slots__ = ("core", "cursor", "database", "driver")

    def __init__(self, core: sqlalchemy.Connection) -> None:
        self.core = core
        self.database = core.dialect.name
        driver: Any = core.connection.driver_connection
        self.driver = driver
        self.cursor = driver.cursor()

    def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Run a statement through SQLAlchemy, for statements that are rare or differ each time."""
        return self.core.execute(statement, params)

    def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Run SQL text as it is."""
        return self.core.exec_driver_sql(statement)

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """See the database as it is now while the body runs, whatever a server writes meanwhile."""

    @abstractmethod
    def overwrite_deleted(self) -> None:
        """Overwrite deleted and replaced data on the disk from now on, as far as the database can."""

    def renew(self) -> None:
        """Replace the cursor after a failure: an open statement would keep an old snapshot."""
        self.cursor.close()
        self.cursor = self.driver.cursor()

    def close(self) -> None:
        """Close the connection."""
        # The cursor first: an open statement would keep the file open, and the files beside it.
        self.cursor.close()
        self.core.close()
