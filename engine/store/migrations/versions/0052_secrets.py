"""Secrets, encrypted

Revision: 0052, after 0051
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, moment = sa.String(collation=collation), sa.DateTime(timezone=True)
    op.create_table(
        "secret",
        sa.Column("sealed", sa.Text(collation=collation), nullable=False),
        sa.Column("set_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("workflow", text, nullable=True),
        sa.Column("key", text, nullable=False),
        sa.Column("set_by", text, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["set_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("secret_workspace", "secret", ["workspace", "name"])


def downgrade() -> None:
    op.drop_index("secret_workspace", "secret")
    op.drop_table("secret")
