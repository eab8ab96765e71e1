"""The rows of changes to protected workflows, which wait for the approval of another person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from engine.store.columns import utc


class ProposedVersionRow(SQLModel, table=True):
    """What exactly is proposed, beside the run of its oversight request. It is written once and never changed.

    `workflow`: the name. `base`: the version that it changes; null: there is none yet. `source`: the new file; null if
    only the state changes. `hash`: of the source. `from_version`: the older version whose file it is.
    """

    __tablename__ = "proposed_version"
    __table_args__ = (Index("proposed_version_workflow", "workspace", "workflow", "run"),)
    run: str = Field(primary_key=True, foreign_key="run.id")
    workspace: str = Field(foreign_key="workspace.id")
    workflow: str
    action: str
    base: int | None = None
    source: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    hash: str | None = None
    from_version: int | None = None
    author: str = Field(foreign_key="person.id")
    proposed_at: datetime = utc(nullable=False)
