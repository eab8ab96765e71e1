"""The updates of an instance that its provisioner may repeat, each by its key

Revision: 0048, after 0047
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    op.add_column("api_key", sa.Column("updates", sa.Text(collation=collation), nullable=True))


def downgrade() -> None:
    op.drop_column("api_key", "updates")
