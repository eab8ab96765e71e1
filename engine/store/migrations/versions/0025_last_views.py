"""What people last looked at in lists that are kept up to date for them

Revision: 0025, after 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C" if op.get_bind().dialect.name == "postgresql" else None)
    op.create_table(
        "last_view",
        sa.Column("workspace", text, nullable=False),
        sa.Column("address", text, nullable=False),
        sa.Column("shown", text, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace", "address"),
    )


def downgrade() -> None:
    op.drop_table("last_view")
