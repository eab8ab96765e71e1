"""Urgent turns at limited rates, which go before all others

Revision: 0021, after 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pace", sa.Column("urgent_at", sa.DateTime(timezone=True)))
    op.add_column("pace", sa.Column("put_off", sa.Float(), nullable=False, server_default="0"))
    op.add_column("kept_turn", sa.Column("put_off", sa.Float()))


def downgrade() -> None:
    op.drop_column("kept_turn", "put_off")
    op.drop_column("pace", "put_off")
    op.drop_column("pace", "urgent_at")
