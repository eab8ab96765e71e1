"""The calls about an ask that its program may repeat, each by its key

Revision: 0044, after 0043
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    op.add_column("ask", sa.Column("calls", sa.Text(collation=collation), nullable=True))


def downgrade() -> None:
    op.drop_column("ask", "calls")
