"""The time zones of people, so that emails can be written in them

Revision: 0007, after 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not by writing the table anew, as Alembic does it for SQLite.
    op.execute("ALTER TABLE person ADD COLUMN zone VARCHAR")


def downgrade() -> None:
    op.execute("ALTER TABLE person DROP COLUMN zone")
