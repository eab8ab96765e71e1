"""Shared copies: an index by which a message in a channel leads to its request

Revision: 0018, after 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("topic = 'shared'")
    op.create_index("delivery_shared", "delivery", ["receipt"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("delivery_shared", "delivery")
