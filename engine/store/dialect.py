"""Statements that differ between databases, for those that the store supports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Dialect, Executable, Table
from sqlalchemy.dialects import sqlite


class Upsert:
    """An insert of a row that replaces these columns of the row with the same key, if there is one, or adds to them.

    With no columns to replace or to add to, the row that is there stays as it is.
    """

    def __init__(
        self, table: Table, *, key: Sequence[str], replaces: Sequence[str] = (), adds: Sequence[str] = ()
    ) -> None:
        self._table, self._key, self._replaces, self._adds = table, key, replaces, adds

    def construct(self, dialect: Dialect) -> Executable:
        """Return the statement for a database. Raises `KeyError` for one that the store does not support."""
        row = _insert(dialect.name)(self._table)
        if not self._replaces and not self._adds:
            kept: Executable = row.on_conflict_do_nothing(index_elements=list(self._key))
            return kept
        changes = {name: row.excluded[name] for name in self._replaces}
        changes |= {name: self._table.c[name] + row.excluded[name] for name in self._adds}
        statement: Executable = row.on_conflict_do_update(index_elements=list(self._key), set_=changes)
        return statement


def _insert(dialect: str) -> Any:
    """Return the constructor of an insert that can replace a row. Raises `KeyError` for an unknown database."""
    if dialect == "postgresql":
        # An embedded database does without this package: 2 MB, and a twentieth of the time of a command that reads.
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    return {"sqlite": sqlite.insert}[dialect]
