"""Rows in every table of a database of any schema, and all that a schema consists of, for comparing both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, DateTime, Integer, LargeBinary, MetaData, Table, inspect, text

from tests.support.fakes import START

ROWS = 3
"""Rows of each table, so that a row that refers to another one can refer to one that is not its own."""
_OURS = "alembic_version"


def fill(connection: Connection) -> None:
    """Write rows into every empty table. References point at rows that exist."""
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        if table.name != _OURS and not _rows_of(connection, table.name):
            connection.execute(table.insert(), [_row(table, number) for number in range(ROWS)])


def _row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: _value(column, number) for column in table.columns if not _refers_to_itself(column)}


def _refers_to_itself(column: sqlalchemy.Column[Any]) -> bool:
    return any(key.column.table is column.table for key in column.foreign_keys)


def _value(column: sqlalchemy.Column[Any], number: int) -> Any:
    if number == 1 and column.nullable:
        return None
    if isinstance(column.type, DateTime):
        moment = START + timedelta(minutes=number)
        return moment if column.type.timezone else moment.replace(tzinfo=None)
    if isinstance(column.type, LargeBinary):
        return bytes([number, 0, 255])
    if isinstance(column.type, sqlalchemy.Boolean):
        return number % 2 == 0
    if isinstance(column.type, Integer | sqlalchemy.Float):
        return number
    if column.foreign_keys or column.primary_key:
        return f"id{number}"
    return f"{column.name} {number} é"


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, by table, in any fixed order. Values are those of the driver."""
    # Without types: SQLAlchemy needs ten times as long to read the types of all columns as for all else here.
    names = inspect(connection).get_table_names()
    return {name: sorted(_rows_of(connection, name), key=repr) for name in names if name != _OURS}


def _rows_of(connection: Connection, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings()]


def objects(connection: Connection) -> dict[str, str]:
    """Return every column, constraint, index and trigger of our tables, each as text by its name."""
    found = _of_sqlite(connection) if connection.dialect.name == "sqlite" else _of_postgresql(connection)
    return {name: what for name, what in found.items() if _OURS not in name}


def _of_sqlite(connection: Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, name, sql in connection.execute(text("SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL")):
        if kind != "table":
            found[f"{kind} {name}"] = " ".join(sql.split())
            continue
        for row in connection.exec_driver_sql(f"PRAGMA table_info({name})"):
            found[f"column {name}.{row[1]}"] = str(tuple(row)[2:])
        keys = connection.exec_driver_sql(f"PRAGMA foreign_key_list({name})")
        found |= {f"key {name}.{row[3]}": f"{row[2]}.{row[4]}" for row in keys}
        for number, check in enumerate(inspect(connection).get_check_constraints(name)):
            found[f"check {name}.{check['name'] or number}"] = check["sqltext"]
    return found


_POSTGRESQL = """
SELECT 'column ' || table_name || '.' || column_name,
       concat_ws(' ', data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL
SELECT 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0 AND contype <> 'n'
UNION ALL
SELECT 'index ' || tablename || '.' || indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL
SELECT 'trigger ' || tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
"""


def _of_postgresql(connection: Connection) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(text(_POSTGRESQL))}


def collations(connection: Connection) -> dict[str, str | None]:
    """Return the collation of every column of text, by table and column, on PostgreSQL."""
    query = """SELECT table_name || '.' || column_name, collation_name FROM information_schema.columns
               WHERE table_schema = current_schema() AND data_type IN ('text', 'character varying')"""
    return {row[0]: row[1] for row in connection.execute(text(query)) if _OURS not in row[0]}
