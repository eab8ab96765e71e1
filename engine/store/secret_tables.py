"""The rows of secrets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class SecretRow(SQLModel, table=True):
    """A value of a secret, encrypted: `engine.secret_keys`. `key`: the id of the key that opens it.

    `workflow`: the name of the workflow that it is for, or null for all. `used_at` is exact to a minute. A value that
    was replaced or deleted is kept for a while after `ended_at`, so that it is still found in texts.
    """

    __tablename__ = "secret"
    __table_args__ = (Index("secret_workspace", "workspace", "name"),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    name: str
    workflow: str | None
    sealed: str = text_column(nullable=False)
    key: str
    set_by: str = Field(foreign_key="person.id")
    set_at: datetime = utc(nullable=False)
    used_at: datetime | None = utc()
    ended_at: datetime | None = utc()
