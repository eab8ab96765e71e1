"""The rows of insights: counts of what became of requests. They are made from the audit log, and can be made again.

A week is a number (see `engine.oversight.time_buckets`), and in front of the workflow in each key, because every
question is about some weeks. No foreign keys: they are written together, and in great numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Integer, String, Table
from sqlmodel import Field, SQLModel

from engine.oversight.grouped_times import CLASSES
from engine.store.columns import utc

DECIDED: Final = tuple(f"decided_{bucket}" for bucket in range(CLASSES))
UNDECIDED: Final = tuple(f"undecided_{bucket}" for bucket in range(CLASSES))
"""The columns that count times, one for each class: whole rows are added up, and there is one row for all classes."""
_SMALL: Final[dict[str, Any]] = {"sqlite_with_rowid": False}  # a row is little more than its key


class InsightProgressRow(SQLModel, table=True):
    """Up to which entry of the audit log the requests of a workspace are counted, and the time of that entry."""

    __tablename__ = "insight_progress"
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    seq: int
    at: datetime = utc(nullable=False)


class GateCountRow(SQLModel, table=True):
    """What became of the requests of a gate that were opened in a week. `edited`: of the approved ones."""

    __tablename__ = "insight_gate"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    week: int = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    opened: int
    approved: int
    edited: int
    rejected: int
    changes_requested: int
    skipped: int
    expired: int
    cancelled: int
    undone: int
    sampled_out: int


class OpenCountRow(SQLModel, table=True):
    """How many requests that are open now have waited since an hour: the spell is as in `DECISION_TIMES`."""

    __tablename__ = "insight_open"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    deadline: int = Field(primary_key=True)
    spell: int = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    requests: int


class RemindedRequestRow(SQLModel, table=True):
    """An open request whose approvers were reminded: how often, when last, and how long it had waited before that."""

    __tablename__ = "insight_reminded"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    request: str = Field(primary_key=True)
    told: int
    since: datetime = utc(nullable=False)
    seconds_before: int


class ReminderCountRow(SQLModel, table=True):
    """What a reminder does: how often it was sent, and the decisions shortly before it was due and shortly after it."""

    __tablename__ = "insight_reminder"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    week: int = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    sent: int
    before: int
    after: int


class EvidenceCountRow(SQLModel, table=True):
    """What recommendations are tested with: of one version, since it was registered or people said no to a change.

    `decided`, `corrected`: requests that say what a second person thought of them. `before`, `after`: the decisions
    shortly before a reminder was due and shortly after it.
    """

    __tablename__ = "insight_evidence"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    step: str = Field(primary_key=True)
    decided: int
    corrected: int
    before: int
    after: int


class FieldCountRow(SQLModel, table=True):
    """How often approvers changed a field of what a gate showed."""

    __tablename__ = "insight_field"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    week: int = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    edits: int


class CopyCountRow(SQLModel, table=True):
    """How many copies of the requests of a workflow were shown on a channel, and how many could not be."""

    __tablename__ = "insight_copy"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    week: int = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    shown: int
    failed: int


class LoadCountRow(SQLModel, table=True):
    """How many decisions a person made in a week. How long they took is not counted here."""

    __tablename__ = "insight_load"
    __table_args__ = _SMALL
    workspace: str = Field(primary_key=True)
    week: int = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    decisions: int


def _times(name: str, *, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return a table that counts times by these parts of its key."""
    key: list[Column[Any]] = [Column("workspace", String, primary_key=True), Column("week", Integer, primary_key=True)]
    key += [Column(part, String, primary_key=True) for part in texts]
    key += [Column(part, Integer, primary_key=True) for part in numbers]
    counts = [Column(count, Integer, nullable=False) for count in (*DECIDED, *UNDECIDED)]
    return Table(name, SQLModel.metadata, *key, *counts, sqlite_with_rowid=False)


DECISION_TIMES: Final = _times("insight_times", texts=("workflow", "step"), numbers=("deadline", "spell"))
"""How long the requests of a gate took that were opened in a week.

`spell` -1: from the opening to the end. Otherwise, for gates that remind: from the reminder with that number until the
next one or the end; 0: from the opening. Undecided: ended without a decision, or followed by a reminder.
"""
HOURLY_TIMES: Final = _times("insight_hours", texts=("workflow",), numbers=("hour",))
"""How long the requests of a workflow took that were opened in an hour of the day, in UTC."""
