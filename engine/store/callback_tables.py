"""The rows of callback endpoints."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class CallbackEndpointRow(SQLModel, table=True):
    """Where a program is told what became of its asks. Secrets are sealed with the key of the server.

    `failures`: how many calls in a row failed; nothing is sent before `rests_until` then. `alerted_at`: when the owner
    was told that callbacks are given up, until one gets through.
    """

    __tablename__ = "callback_endpoint"
    __table_args__ = (Index("callback_endpoint_key", "key", "id"),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    key: str = Field(foreign_key="api_key.id")
    url: str
    protocol: str
    details: str | None = text_column()
    secret: str | None = text_column()
    previous_secret: str | None = text_column()
    previous_until: datetime | None = utc()
    state: str
    error: str | None = text_column()
    failures: int = 0
    failing_since: datetime | None = utc()
    rests_until: datetime | None = utc()
    alerted_at: datetime | None = utc()
    created_by: str = Field(foreign_key="person.id")
    created_at: datetime = utc(nullable=False)
    rotated_at: datetime | None = utc()
    removed_at: datetime | None = utc()
