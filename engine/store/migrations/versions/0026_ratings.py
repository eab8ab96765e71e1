"""Ratings and comments of those who decided

Revision: 0026, after 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    op.create_table(
        "rating",
        sa.Column("request", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("comment", long_text, nullable=True),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("request", "person"),
    )


def downgrade() -> None:
    op.drop_table("rating")
