"""Seeded requests: when a person may get the next one, and what became of each

Revision: 0047, after 0046
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C" if op.get_bind().dialect.name == "postgresql" else None)
    op.create_table(
        "seeding",
        sa.Column("workflow", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("since", text, nullable=False),
        sa.Column("gap", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workflow"], ["workflow.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("workflow", "person"),
    )
    op.create_table(
        "seeded_result",
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run", text, nullable=False),
        sa.Column("workflow", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("is_caught", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.ForeignKeyConstraint(["workflow"], ["workflow.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("run"),
    )
    op.create_index("seeded_result_workflow", "seeded_result", ["workflow", "run"])


def downgrade() -> None:
    op.drop_table("seeded_result")
    op.drop_table("seeding")
