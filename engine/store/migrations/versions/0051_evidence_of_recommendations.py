"""The evidence of recommendations: counts of one version of a gate, whatever weeks people look at

It begins with what is decided from now on. `signoff insights --rebuild` counts all that the log has.

Revision: 0051, after 0050
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text = sa.String(collation=collation)
    key: dict[str, Any] = {"workspace": text, "workflow": text, "version": sa.Integer(), "step": text}
    op.create_table(
        "insight_evidence",
        *(sa.Column(name, kind, nullable=False) for name, kind in key.items()),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("decided", "corrected", "before", "after")),
        sa.PrimaryKeyConstraint(*key),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("insight_evidence")
