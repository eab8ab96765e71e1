"""Files, and the runs that use them

Revision: 0034, after 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text = sa.String(collation=collation)
    op.create_table(
        "attachment",
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("type", text, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", text, nullable=False),
        sa.Column("uploader", text, nullable=True),
        sa.Column("scanned", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remove_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    waits = sa.text("remove_at IS NOT NULL")
    removal = ["workspace", "remove_at"]
    op.create_index("attachment_removal", "attachment", removal, sqlite_where=waits, postgresql_where=waits)
    op.create_index("attachment_uploader", "attachment", ["uploader", "workspace"])
    op.create_table(
        "run_attachment",
        sa.Column("run", text, nullable=False),
        sa.Column("attachment", text, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.ForeignKeyConstraint(["attachment"], ["attachment.id"]),
        sa.PrimaryKeyConstraint("run", "attachment"),
    )
    op.create_index("run_attachment_file", "run_attachment", ["attachment"])


def downgrade() -> None:
    op.drop_table("run_attachment")
    op.drop_table("attachment")
