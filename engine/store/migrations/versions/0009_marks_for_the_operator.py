"""An index for the runs that need attention, and the fingerprint of the key that the servers have

Revision: 0009, after 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # PostgreSQL has all texts in the order of their bytes, as in 0008.
    order = ' COLLATE "C"' if op.get_bind().dialect.name == "postgresql" else ""
    # Not by writing the table anew, as Alembic does it for SQLite.
    op.execute(f"ALTER TABLE workspace ADD COLUMN key_fingerprint VARCHAR{order}")
    # Without it, each look at the metrics would read every open run.
    op.execute("CREATE INDEX run_attention ON run (workspace, id) WHERE status = 'needs_attention'")


def downgrade() -> None:
    op.execute("DROP INDEX run_attention")
    op.execute("ALTER TABLE workspace DROP COLUMN key_fingerprint")
