"""The states of workflows, and changes to protected ones that wait for an approval

Revision: 0050, after 0049
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C" if op.get_bind().dialect.name == "postgresql" else None)
    op.add_column("workflow", sa.Column("state", text, nullable=False, server_default="active"))
    op.add_column("workflow", sa.Column("state_by", text, nullable=True))
    op.add_column("workflow", sa.Column("state_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "proposed_version",
        sa.Column("source", sa.LargeBinary(), nullable=True),
        sa.Column("run", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("workflow", text, nullable=False),
        sa.Column("action", text, nullable=False),
        sa.Column("base", sa.Integer(), nullable=True),
        sa.Column("hash", text, nullable=True),
        sa.Column("from_version", sa.Integer(), nullable=True),
        sa.Column("author", text, nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["author"], ["person.id"]),
        sa.PrimaryKeyConstraint("run"),
    )
    op.create_index("proposed_version_workflow", "proposed_version", ["workspace", "workflow", "run"])


def downgrade() -> None:
    op.drop_table("proposed_version")
    for name in ("state_at", "state_by", "state"):
        op.drop_column("workflow", name)
