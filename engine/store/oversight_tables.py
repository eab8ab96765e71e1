"""The rows of oversight requests: what a request of Signoff itself is for, and what it is about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class OversightRequestRow(SQLModel, table=True):
    """One oversight request, beside its run. `facts`: what its follower reads, as JSON.

    `owner`: the person who is alerted if it cannot be decided. `looks_like`: the request that its card imitates.
    `state`: how its request ended. The ids that begin with `about_` are of no foreign key: what it is about may be
    anything, and goes on without it.
    """

    __tablename__ = "oversight_request"
    __table_args__ = (
        Index(
            "oversight_request_open",
            "workspace",
            "purpose",
            "run",
            sqlite_where=text("ended_at IS NULL"),
        ),
        Index(
            "oversight_request_about_run",
            "about_run",
            sqlite_where=text("about_run IS NOT NULL"),
        ),
    )
    run: str = Field(primary_key=True, foreign_key="run.id")
    workspace: str = Field(foreign_key="workspace.id")
    purpose: str
    owner: str | None = Field(default=None, foreign_key="person.id")
    about_run: str | None = None
    about_request: str | None = None
    about_workflow: str | None = None
    about_version: int | None = None
    about_step: str | None = None
    looks_like: str | None = None
    facts: str = text_column(nullable=False)
    state: str | None = None
    ended_at: datetime | None = utc()
