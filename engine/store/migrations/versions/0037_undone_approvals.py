"""Who took an approval back, and the index of those requests for the filter of the inbox

Revision: 0037, after 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C" if op.get_bind().dialect.name == "postgresql" else None)
    op.create_table(
        "undo",
        sa.Column("request", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("request"),
    )
    where = sa.text("state = 'undone'")
    op.create_index("request_undone", "request", ["workspace", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("request_undone", "request")
    op.drop_table("undo")
