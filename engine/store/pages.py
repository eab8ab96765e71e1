"""One page of a list, the newest first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select

from engine.read_models import PageQuery


def paged(statement: Select[Any], page: PageQuery, workspace: str, column: Any, open_only: Any) -> Select[Any]:
    """Return the statement for one page of the workspace's rows, ordered by `column`; `open_only` is a condition."""
    table = column.table
    statement = statement.where(table.c.workspace == workspace).order_by(column.desc()).limit(page.limit)
    if page.before is not None:
        statement = statement.where(column < page.before)
    return statement.where(open_only) if page.open_only else statement
