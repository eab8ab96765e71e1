"""Runs that steps of other runs started, and what runs return

Revision: 0032, after 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text = sa.String(collation=collation)
    op.add_column("run", sa.Column("parent", text, nullable=True))
    op.add_column("run", sa.Column("parent_step", text, nullable=True))
    op.add_column("run", sa.Column("parent_visit", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("output", sa.Text(collation=collation), nullable=True))
    where = sa.text("parent IS NOT NULL")
    op.create_index("run_parent", "run", ["parent", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("run_parent", "run")
    for name in ("output", "parent_visit", "parent_step", "parent"):
        op.drop_column("run", name)
