"""Policies: groups of a chain, places that are handed on, and versions of a content

Revision: 0014, after 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    op.add_column("approver", sa.Column("chain_groups", long_text))
    op.add_column("approver", sa.Column("handed_to", long_text))
    # A person who has approved may still reject the same content.
    op.create_index("decision_by_verdict", "decision", ["request", "content_version", "person", "verdict"], unique=True)
    op.drop_index("decision_once", "decision")
    op.create_table(
        "content_change",
        sa.Column("request", text, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("edits", long_text, nullable=False),
        sa.Column("digest", text, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("request", "version"),
    )


def downgrade() -> None:
    op.drop_table("content_change")
    op.create_index("decision_once", "decision", ["request", "content_version", "person"], unique=True)
    op.drop_index("decision_by_verdict", "decision")
    op.drop_column("approver", "handed_to")
    op.drop_column("approver", "chain_groups")
