"""Indexes that have all that a page of the inbox checks, so that no row is read for what it leaves out

Revision: 0030, after 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INDEXES = (
    ("run_workflow", "run", ["workflow", "id"], "requester"),
    ("request_run", "request", ["run"], "id"),
    ("decision_person", "decision", ["person", "id"], "request"),
)
"""Each index with its table, its columns, and the column that is added."""


def upgrade() -> None:
    for name, table, columns, added in INDEXES:
        op.drop_index(name, table)
        op.create_index(name, table, [*columns, added])


def downgrade() -> None:
    for name, table, columns, _ in INDEXES:
        op.drop_index(name, table)
        op.create_index(name, table, columns)
