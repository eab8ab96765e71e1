"""The calls about an ask that its program may repeat, each by its key

Revision: 0045, after 0044
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    op.add_column("ask", sa.Column("calls", sa.Text(collation=collation), nullable=True))


def downgrade() -> None:
    op.drop_column("ask", "calls")
