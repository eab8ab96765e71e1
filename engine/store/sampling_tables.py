"""The rows of sampling plans: how far each has come, and how each visit to their gates was drawn."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column, utc


class SamplingPlanRow(SQLModel, table=True):
    """A sampling plan: of one version of a workflow, step, class and model, which are counted by themselves.

    The columns from `stage` on are those of `engine.oversight.sampling_plan.PlanState`. `commitment`: the SHA-256 of
    the salt of the stage, while a share is reviewed. `zones`: the time zones of those who reviewed last, as JSON.
    `next_at`: when a server looks at it.
    """

    __tablename__ = "sampling_plan"
    __table_args__ = (
        Index("sampling_plan_key", "workflow", "version", "step", "class_name", "model", unique=True),
        Index("sampling_plan_next", "next_at", sqlite_where=text("next_at IS NOT NULL")),
        Index("sampling_plan_proposal", "proposal", sqlite_where=text("proposal IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    workflow: str = Field(foreign_key="workflow.id")
    version: int
    step: str
    class_name: str
    model: str
    stage: str
    number: int
    clean: int
    reviewed: int
    bad: int
    by_requester: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    owed: int
    waits_for: str | None = None
    proposal: str | None = None
    proposed_at: datetime | None = utc()
    agreed_by: str | None = Field(default=None, foreign_key="person.id")
    agreed_at: datetime | None = utc()
    used_at: datetime | None = utc()
    commitment: str | None = None
    zones: str = text_column(nullable=False)
    rev: int
    next_at: datetime | None = utc()
    created_at: datetime = utc(nullable=False)


class GateDrawRow(SQLModel, table=True):
    """A visit of a run that a plan counts. `request`: the one that was opened; null: it went through without review.

    Of what was reviewed, only the first requests of a plan have a row, and those that were drawn and left undecided.

    `number`: of the stage. `is_sample`: whether only a share was reviewed then. `is_later`: whether people look at it
    afterwards. `later`: the run that asks them.
    """

    __tablename__ = "gate_draw"
    __table_args__ = (
        Index("gate_draw_plan", "plan", "at"),
        Index("gate_draw_request", "request", sqlite_where=text("request IS NOT NULL")),
        Index("gate_draw_unreviewed", "workspace", "at", "run", sqlite_where=text("request IS NULL")),
        Index("gate_draw_later", "at", sqlite_where=text("is_later AND later IS NULL")),
    )
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    plan: str = Field(foreign_key="sampling_plan.id")
    number: int
    is_sample: bool
    request: str | None = Field(default=None, foreign_key="request.id")
    digest: str
    is_later: bool
    later: str | None = None
    at: datetime = utc(nullable=False)
