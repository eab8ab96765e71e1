"""Oversight requests

Revision: 0041, after 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    op.create_table(
        "oversight_request",
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facts", long_text, nullable=False),
        sa.Column("run", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("purpose", text, nullable=False),
        sa.Column("owner", text, nullable=True),
        sa.Column("about_run", text, nullable=True),
        sa.Column("about_request", text, nullable=True),
        sa.Column("about_workflow", text, nullable=True),
        sa.Column("about_version", sa.Integer(), nullable=True),
        sa.Column("about_step", text, nullable=True),
        sa.Column("looks_like", text, nullable=True),
        sa.Column("state", text, nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["owner"], ["person.id"]),
        sa.PrimaryKeyConstraint("run"),
    )
    partial = {
        "oversight_request_open": (["workspace", "purpose", "run"], "ended_at IS NULL"),
        "oversight_request_about_run": (["about_run"], "about_run IS NOT NULL"),
    }
    for name, (columns, condition) in partial.items():
        where = sa.text(condition)
        op.create_index(name, "oversight_request", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in ("oversight_request_about_run", "oversight_request_open"):
        op.drop_index(name, "oversight_request")
    op.drop_table("oversight_request")
