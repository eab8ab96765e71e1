"""The rows by which processes work in step: turns at limited rates, rests of channels, and the retention."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from engine.store.columns import utc


class PaceRow(SQLModel, table=True):
    """When the next turn is at something with a limited rate, for all processes on a PostgreSQL database.

    A row whose `next_at` has passed means nothing, and is deleted.
    """

    __tablename__ = "pace"
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    key: str = Field(primary_key=True)
    next_at: datetime = utc(nullable=False)
    """Time of the next turn, if every turn so far is taken in time and evenly."""
    urgent_at: datetime | None = utc()
    """The same of the next urgent turn."""
    put_off: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})
    """By how many seconds urgent turns have put off all others."""
    rests_until: datetime | None = utc()


class KeptTurnRow(SQLModel, table=True):
    """A turn that is kept for a caller that comes back. `caller`: a digest of its key."""

    __tablename__ = "kept_turn"
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    key: str = Field(primary_key=True)
    caller: str = Field(primary_key=True)
    at: datetime = utc(nullable=False)
    put_off: float | None
    """What the rate said when the turn was at this time; None: an urgent turn, which is never put off."""


class ChannelRestRow(SQLModel, table=True):
    """A channel that an operator has to fix: nothing is tried on it before `until`, after so many `failures`."""

    __tablename__ = "channel_rest"
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    channel: str = Field(primary_key=True)
    failures: int
    until: datetime = utc(nullable=False)


class RetentionRow(SQLModel, table=True):
    """When the retention of a workspace goes on. `reached` is empty: an older version keeps its position there."""

    __tablename__ = "retention"
    __table_args__ = (Index("retention_next", "next_at"),)
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    next_at: datetime = utc(nullable=False)
    reached: str
