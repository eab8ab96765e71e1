"""The rows of triggers: what starts runs by itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class TriggerRow(SQLModel, table=True):
    """A trigger of the current version of a workflow. `next_at`: when a schedule is due next; `look_at`: when a server
    looks at it, which is later if the last one could not read it.

    `identity`: what it listens to, as text; a new version of the file keeps the rows of triggers that stay the same.
    `position`: its place among the triggers of the file. `set_at`: when `next_at` was computed.
    """

    __tablename__ = "trigger"
    __table_args__ = (
        Index("trigger_workflow", "workflow"),
        Index("trigger_look", "look_at", sqlite_where=text("look_at IS NOT NULL")),
        Index("trigger_kind", "workspace", "kind", sqlite_where=text("next_at IS NULL")),
        Index("trigger_set", "set_at", sqlite_where=text("next_at IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    workflow: str = Field(foreign_key="workflow.id")
    position: int
    kind: str
    identity: str = text_column(nullable=False)
    next_at: datetime | None = utc()
    look_at: datetime | None = utc()
    set_at: datetime = utc(nullable=False)
    failed_at: datetime | None = utc()
    """When it could last not start a run; null after one that it started."""
    failure: str | None = text_column()
