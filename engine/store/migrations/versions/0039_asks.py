"""What programs ask

Revision: 0039, after 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    op.create_table(
        "ask",
        sa.Column("run", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("asker", text, nullable=False),
        sa.Column("key", text, nullable=True),
        sa.Column("body", text, nullable=False),
        sa.Column("external_id", text, nullable=True),
        sa.Column("use", text, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("step", text, nullable=True),
        sa.Column("digest", text, nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consume_key", text, nullable=True),
        sa.Column("outcome", text, nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", long_text, nullable=True),
        sa.Column("callback", text, nullable=True),
        sa.Column("echo", long_text, nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("run"),
    )
    op.create_index("ask_asker", "ask", ["workspace", "asker", "run"])
    op.create_index("ask_status", "ask", ["workspace", "asker", "status", "run"])
    for name, column in (("ask_key", "key"), ("ask_external_id", "external_id")):
        where = sa.text(f"{column} IS NOT NULL")
        columns = ["workspace", "asker", column]
        op.create_index(name, "ask", columns, unique=True, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in ("ask_external_id", "ask_key", "ask_status", "ask_asker"):
        op.drop_index(name, "ask")
    op.drop_table("ask")
