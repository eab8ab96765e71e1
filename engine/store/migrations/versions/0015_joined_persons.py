"""Persons who turned out to be another one

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    op.add_column("person", sa.Column("joined_into", sa.String(collation=collation)))


def downgrade() -> None:
    op.drop_column("person", "joined_into")
