"""The inbox: indexes by person, workflow and state, and the words by which requests are found

Revision: 0022, after 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STATES = ("rejected", "expired", "cancelled")


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text = sa.String(collation=collation)
    op.create_table(
        "search_word",
        sa.Column("workspace", text, nullable=False),
        sa.Column("word", text, nullable=False),
        sa.Column("request", text, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "word", "request"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_progress",
        sa.Column("workspace", text, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace"),
    )
    op.create_index("run_requester", "run", ["requester", "id"])
    op.create_index("run_workflow", "run", ["workflow", "id"])
    op.create_index("decision_person", "decision", ["person", "id"])
    _create_partial("run_requester_open", "run", ["requester", "id"], "ended_at IS NULL")
    for state in STATES:
        _create_partial(f"request_{state}", "request", ["workspace", "id"], f"state = '{state}'")


def _create_partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for state in STATES:
        op.drop_index(f"request_{state}", "request")
    op.drop_index("run_requester_open", "run")
    op.drop_index("decision_person", "decision")
    op.drop_index("run_workflow", "run")
    op.drop_index("run_requester", "run")
    op.drop_table("search_progress")
    op.drop_table("search_word")
