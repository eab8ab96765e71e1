"""The rows of what programs ask: what an ask has beside its run."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class AskRow(SQLModel, table=True):
    """One ask. `asker`: the address of the program. `key` and `body`: what it gave for a repeat, and of which content.

    `step`: what its run came to. `valid_until`: how long the approval could be used. `consume_key`: what the program
    gave when it used it. `outcome`: what it reported, with its `note`. `calls`: hashes of calls that it may repeat.
    """

    __tablename__ = "ask"
    __table_args__ = (
        Index("ask_asker", "workspace", "asker", "run"),
        Index("ask_status", "workspace", "asker", "status", "run"),
        Index("ask_key", "workspace", "asker", "key", unique=True, sqlite_where=text("key IS NOT NULL")),
        Index(
            "ask_external_id",
            "workspace",
            "asker",
            "external_id",
            unique=True,
            sqlite_where=text("external_id IS NOT NULL"),
        ),
    )
    run: str = Field(primary_key=True, foreign_key="run.id")
    workspace: str = Field(foreign_key="workspace.id")
    asker: str
    key: str | None = None
    body: str
    external_id: str | None = None
    use: str
    status: str
    rev: int = 1
    step: str | None = None
    digest: str | None = None
    valid_until: datetime | None = utc()
    consumed_at: datetime | None = utc()
    consume_key: str | None = None
    outcome: str | None = None
    outcome_at: datetime | None = utc()
    note: str | None = text_column()
    callback: str | None = None
    echo: str | None = text_column()
    calls: str | None = text_column()
