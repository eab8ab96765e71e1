"""Questions of approvers before they decide, with their answers

Revision: 0017, after 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    op.create_table(
        "question",
        sa.Column("id", text, nullable=False),
        sa.Column("request", text, nullable=False),
        sa.Column("asked_by", text, nullable=False),
        sa.Column("asked_to", text, nullable=False),
        sa.Column("text", long_text, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("answer", long_text, nullable=True),
        sa.Column("answered_by", text, nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.ForeignKeyConstraint(["asked_by"], ["person.id"]),
        sa.ForeignKeyConstraint(["asked_to"], ["person.id"]),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("question_request", "question", ["request"])


def downgrade() -> None:
    op.drop_table("question")
