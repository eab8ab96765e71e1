"""What processes share about the outside: turns at limited rates, and channels that rest

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    op.create_table(
        "pace",
        sa.Column("workspace", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("rests_until", MOMENT),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace", "key"),
    )
    op.create_table(
        "kept_turn",
        sa.Column("workspace", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.Column("caller", text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace", "key", "caller"),
    )
    op.create_table(
        "channel_rest",
        sa.Column("workspace", text, nullable=False),
        sa.Column("channel", text, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace", "channel"),
    )


def downgrade() -> None:
    for table in ("channel_rest", "kept_turn", "pace"):
        op.drop_table(table)
