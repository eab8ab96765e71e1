"""Callback endpoints

Revision: 0040, after 0039
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "callback_endpoint",
        sa.Column("details", long_text, nullable=True),
        sa.Column("secret", long_text, nullable=True),
        sa.Column("previous_secret", long_text, nullable=True),
        sa.Column("previous_until", moment, nullable=True),
        sa.Column("error", long_text, nullable=True),
        sa.Column("failing_since", moment, nullable=True),
        sa.Column("rests_until", moment, nullable=True),
        sa.Column("alerted_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("rotated_at", moment, nullable=True),
        sa.Column("removed_at", moment, nullable=True),
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.Column("url", text, nullable=False),
        sa.Column("protocol", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_by", text, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["key"], ["api_key.id"]),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("callback_endpoint_key", "callback_endpoint", ["key", "id"])


def downgrade() -> None:
    op.drop_index("callback_endpoint_key", "callback_endpoint")
    op.drop_table("callback_endpoint")
