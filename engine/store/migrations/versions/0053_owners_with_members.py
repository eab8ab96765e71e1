"""Workflows that a role or a group owns, and those whose owner left

Revision: 0053, after 0052
"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    op.add_column("workflow", sa.Column("owner_rule", sa.String(collation=collation), nullable=True))
    op.add_column("workflow", sa.Column("owner_left_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("workflow", "owner_left_at")
    op.drop_column("workflow", "owner_rule")
