"""When people want to be told of what waits for them

Revision: 0023, after 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not by writing the table anew, as Alembic does it for SQLite. The collation: see migration 0008.
    collation = ' COLLATE "C"' if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"ALTER TABLE person ADD COLUMN preferences TEXT{collation}")


def downgrade() -> None:
    op.execute("ALTER TABLE person DROP COLUMN preferences")
