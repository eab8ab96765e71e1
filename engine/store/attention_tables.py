"""The rows of how long people looked at what they decided."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from engine.store.columns import utc


class RequestViewRow(SQLModel, table=True):
    """When a person who may decide a request first had all of it before them, as far as it is known, and where."""

    __tablename__ = "request_view"
    request: str = Field(primary_key=True, foreign_key="request.id")
    person: str = Field(primary_key=True, foreign_key="person.id")
    first_at: datetime = utc(nullable=False)
    surface: str


class AttentionRow(SQLModel, table=True):
    """How long a person looked at what they decided: one narrow row for each decision, which is never changed.

    `milliseconds` null: the request was decided together with others, so that its own time is not known.
    """

    __tablename__ = "attention"
    __table_args__ = (
        Index("attention_person", "person", "decision"),
        Index("attention_workflow", "workspace", "workflow", "decision"),
    )
    decision: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    workflow: str
    person: str = Field(foreign_key="person.id")
    milliseconds: int | None = Field(default=None, sa_column=Column(BigInteger))
    is_exact: bool
    """Whether the person's first view is known. Otherwise they looked at most so long."""
    is_approval: bool
    is_changed: bool
    """Whether they changed what they were asked about."""
    in_a_row: int
    """The approvals without a change that the person gave in a row, with this one."""
