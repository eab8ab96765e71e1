"""The rows of seeded requests: when a person may get the next one, and what became of each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from engine.store.columns import utc


class SeedingRow(SQLModel, table=True):
    """When a person may get the next seeded request about a workflow: after `gap` requests that follow `since`."""

    __tablename__ = "seeding"
    workflow: str = Field(primary_key=True, foreign_key="workflow.id")
    person: str = Field(primary_key=True, foreign_key="person.id")
    since: str
    """The id of a request, or of the run of the last seeded one."""
    gap: int


class SeededResultRow(SQLModel, table=True):
    """What a person did with a seeded request. `is_caught`: they rejected it, or put the value right."""

    __tablename__ = "seeded_result"
    __table_args__ = (Index("seeded_result_workflow", "workflow", "run"),)
    run: str = Field(primary_key=True, foreign_key="run.id")
    workflow: str = Field(foreign_key="workflow.id")
    person: str = Field(foreign_key="person.id")
    kind: str
    is_caught: bool
    ended_at: datetime = utc(nullable=False)
