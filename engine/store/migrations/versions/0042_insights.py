"""Insights: counts of what became of requests, which follow the audit log from its first entry

Revision: 0042, after 0041
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

TABLES = (
    "insight_load",
    "insight_copy",
    "insight_field",
    "insight_reminder",
    "insight_reminded",
    "insight_open",
    "insight_hour",
    "insight_time",
    "insight_gate",
)
"""In the order in which they are dropped."""
ENDS = ("approved", "edited", "rejected", "changes_requested", "skipped", "expired", "cancelled", "undone")


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text = sa.String(collation=collation)
    gate: dict[str, Any] = {"week": sa.Integer(), "workflow": text, "step": text}
    op.create_table(
        "insight_progress",
        sa.Column("workspace", text, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace"),
    )
    _create("insight_gate", text, gate, numbers=("opened", *ENDS, "sampled_out"))
    classes = {"deadline": sa.Integer(), "spell": sa.Integer(), "bucket": sa.Integer()}
    _create("insight_time", text, {**gate, **classes}, numbers=("decided", "undecided"))
    hours: dict[str, Any] = {"week": sa.Integer(), "workflow": text, "hour": sa.Integer(), "bucket": sa.Integer()}
    _create("insight_hour", text, hours, numbers=("decided", "undecided"))
    waits = {"deadline": sa.Integer(), "spell": sa.Integer(), "hour": sa.Integer()}
    _create("insight_open", text, {"workflow": text, "step": text, **waits}, numbers=("requests",))
    since = sa.Column("since", sa.DateTime(timezone=True), nullable=False)
    _create("insight_reminded", text, {"request": text}, since, numbers=("told", "seconds_before"))
    _create("insight_reminder", text, {**gate, "number": sa.Integer()}, numbers=("sent", "before", "after"))
    _create("insight_field", text, {**gate, "field": text}, numbers=("edits",))
    of_week: dict[str, Any] = {"week": sa.Integer(), "workflow": text}
    _create("insight_copy", text, {**of_week, "channel": text}, numbers=("shown", "failed"))
    _create("insight_load", text, {**of_week, "person": text}, numbers=("decisions",))


def _create(
    name: str, text: sa.String, key: Mapping[str, Any], *columns: sa.Column[Any], numbers: Sequence[str]
) -> None:
    whole: dict[str, Any] = {"workspace": text, **key}
    op.create_table(
        name,
        *(sa.Column(part, kind, nullable=False, autoincrement=False) for part, kind in whole.items()),
        *columns,
        *(sa.Column(number, sa.Integer(), nullable=False) for number in numbers),
        sa.PrimaryKeyConstraint(*whole),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)
    op.drop_table("insight_progress")
