"""Clocks that few requests have, as one column, and what reminders are about

Revision: 0016, after 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    long_text = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.Text()
    op.add_column("request", sa.Column("clocks", long_text))
    op.create_table(
        "reminder",
        sa.Column("delivery", text, nullable=False),
        sa.Column("request", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["delivery.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.PrimaryKeyConstraint("delivery", "request"),
    )
    op.create_index("reminder_person", "reminder", ["person", "at"])


def downgrade() -> None:
    op.drop_table("reminder")
    op.drop_column("request", "clocks")
