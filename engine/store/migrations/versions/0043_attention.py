"""How long people looked at what they decided

Revision: 0043, after 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C" if op.get_bind().dialect.name == "postgresql" else None)
    op.create_table(
        "request_view",
        sa.Column("request", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("surface", text, nullable=False),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("request", "person"),
    )
    op.create_table(
        "attention",
        sa.Column("milliseconds", sa.BigInteger(), nullable=True),
        sa.Column("decision", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("workflow", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("is_exact", sa.Boolean(), nullable=False),
        sa.Column("is_approval", sa.Boolean(), nullable=False),
        sa.Column("is_changed", sa.Boolean(), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("decision"),
    )
    op.create_index("attention_person", "attention", ["person", "decision"])
    op.create_index("attention_workflow", "attention", ["workspace", "workflow", "decision"])


def downgrade() -> None:
    op.drop_table("attention")
    op.drop_table("request_view")
