"""A database on a server notes where it is, so that a restored one is noticed

Revision: 0010, after 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not by writing the table anew, as Alembic does it for SQLite. The collation: see migration 0008.
    collation = ' COLLATE "C"' if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"ALTER TABLE workspace ADD COLUMN marks VARCHAR{collation}")


def downgrade() -> None:
    op.execute("ALTER TABLE workspace DROP COLUMN marks")
