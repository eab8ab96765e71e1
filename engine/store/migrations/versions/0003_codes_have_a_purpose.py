"""Codes have a purpose

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("challenge", sa.Column("purpose", sa.String(), nullable=True))
    op.add_column("challenge", sa.Column("label", sa.String(), nullable=True))


def downgrade() -> None:
    for column in ("label", "purpose"):
        op.execute(f"ALTER TABLE challenge DROP COLUMN {column}")
