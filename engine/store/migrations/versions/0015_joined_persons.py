"""Persons who turned out to be another one

Revision: 0015, after 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collated = 'VARCHAR COLLATE "C"' if op.get_bind().dialect.name == "postgresql" else "VARCHAR"
    op.execute(f"ALTER TABLE person ADD COLUMN joined_into {collated} REFERENCES person (id)")


def downgrade() -> None:
    op.drop_column("person", "joined_into")
