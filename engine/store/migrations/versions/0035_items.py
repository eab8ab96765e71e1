"""The items of a foreach, and the runs that work on them

Revision: 0035, after 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    op.create_table(
        "item_list",
        sa.Column("run", text, nullable=False),
        sa.Column("step", text, nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("written", sa.Integer(), nullable=False),
        sa.Column("parallel", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("fingerprint", text, nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.PrimaryKeyConstraint("run", "step", "visit"),
    )
    op.create_table(
        "item",
        sa.Column("run", text, nullable=False),
        sa.Column("step", text, nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("value", long_text, nullable=True),
        sa.Column("params", long_text, nullable=True),
        sa.Column("digest", text, nullable=True),
        sa.Column("output", long_text, nullable=True),
        sa.Column("error", long_text, nullable=True),
        sa.Column("lane", text, nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.PrimaryKeyConstraint("run", "step", "visit", "number"),
        sqlite_with_rowid=False,
    )
    op.add_column("run", sa.Column("lane", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("item", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("item_since", sa.Integer(), nullable=True))
    op.add_column("step_run", sa.Column("item", sa.Integer(), nullable=True))
    where = sa.text("item IS NOT NULL")
    op.create_index("step_run_item", "step_run", ["run", "item"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("step_run_item", "step_run")
    op.drop_column("step_run", "item")
    for name in ("item_since", "item", "lane"):
        op.drop_column("run", name)
    op.drop_table("item")
    op.drop_table("item_list")
