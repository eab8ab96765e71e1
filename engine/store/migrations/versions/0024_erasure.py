"""When the contents of a run were erased, and how far the retention has come

Revision: 0024, after 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C" if op.get_bind().dialect.name == "postgresql" else None)
    op.add_column("run", sa.Column("erased_at", MOMENT))
    op.create_table(
        "retention",
        sa.Column("workspace", text, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("reached", text, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace"),
    )
    op.create_index("retention_next", "retention", ["next_at"])


def downgrade() -> None:
    op.drop_table("retention")
    op.drop_column("run", "erased_at")
