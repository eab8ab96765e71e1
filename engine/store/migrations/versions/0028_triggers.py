"""Triggers, and the runs that they started

Revision: 0028, after 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    op.create_table(
        "trigger",
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("workflow", text, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("identity", long_text, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", long_text, nullable=True),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["workflow"], ["workflow.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("trigger_workflow", "trigger", ["workflow"])
    _create_partial("trigger_set", "trigger", ["set_at"], "next_at IS NOT NULL")
    _create_partial("trigger_next", "trigger", ["next_at"], "next_at IS NOT NULL")
    op.add_column("run", sa.Column("trigger", text, nullable=True))
    op.add_column("run", sa.Column("queued", sa.Boolean(), nullable=False, server_default=sa.false()))
    _create_partial("run_trigger", "run", ["trigger", "id"], "ended_at IS NULL")


def downgrade() -> None:
    op.drop_index("run_trigger", "run")
    op.drop_column("run", "queued")
    op.drop_column("run", "trigger")
    op.drop_table("trigger")


def _create_partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
