"""The rows of API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class ApiKeyRow(SQLModel, table=True):
    """The credential of a program. Of its secret, only the SHA-256 is kept.

    `person`: the person row that names the program in the record. `actions`, `workflows`: JSON lists; no workflows:
    all. `previous_hash` works until `previous_until`, after a rotation. `rev` goes up with each command.
    `updates`: JSON of the latest updates of an instance by their keys, with their answers.
    """

    __tablename__ = "api_key"
    __table_args__ = (Index("api_key_workspace", "workspace", "id"),)
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    person: str = Field(foreign_key="person.id")
    name: str
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    previous_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    previous_until: datetime | None = utc()
    actions: str = text_column(nullable=False)
    workflows: str | None = text_column()
    acts_for: str | None = None
    per_minute: int
    created_by: str = Field(foreign_key="person.id")
    created_at: datetime = utc(nullable=False)
    rotated_by: str | None = Field(default=None, foreign_key="person.id")
    rotated_at: datetime | None = utc()
    expires_at: datetime | None = utc()
    revoked_by: str | None = Field(default=None, foreign_key="person.id")
    revoked_at: datetime | None = utc()
    used_at: datetime | None = utc()
    """When it was last used: written at most once a minute."""
    refused_at: datetime | None = utc()
    """When the log last noted that its use was refused: at most once an hour."""
    rev: int = 1
    updates: str | None = text_column()
