"""Requests that were drawn for review are noted when they are closed undecided, and insights are counted once more

They were noted at the end of their run, which may be days later. Those that wait for it are noted here.

The evidence of recommendations (migration 0051) began with what was decided after it. Its counts are emptied, and with
them those of all insights: what follows the audit log counts everything once more, a part at a time, while servers run.

Revision: 0054, after 0053
"""

from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

COUNTS = (
    "insight_progress",
    "insight_gate",
    "insight_times",
    "insight_hours",
    "insight_open",
    "insight_reminder",
    "insight_reminded",
    "insight_field",
    "insight_copy",
    "insight_load",
    "insight_evidence",
)
_UNDECIDED = "SELECT id FROM request WHERE state = 'cancelled' OR (closed_at IS NOT NULL AND closed_by IS NULL)"
_WAITING = f"SELECT waits_for FROM sampling_plan WHERE stage = 'sample' AND waits_for IN ({_UNDECIDED})"  # noqa: S608


def upgrade() -> None:
    op.execute(f"UPDATE gate_draw SET is_later = true WHERE later IS NULL AND request IN ({_WAITING})")  # noqa: S608
    op.execute(
        "UPDATE sampling_plan SET owed = owed + 1, waits_for = NULL, rev = rev + 1 "  # noqa: S608
        f"WHERE stage = 'sample' AND waits_for IN ({_UNDECIDED})"
    )
    for table in COUNTS:
        op.execute(f"DELETE FROM {table}")  # noqa: S608


def downgrade() -> None:
    """Keep the rows: they are true for the earlier version, too."""
