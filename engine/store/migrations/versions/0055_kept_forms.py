"""Forms of a messenger as people left them

Revision: 0055, after 0054
"""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    op.create_table(
        "kept_form",
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("form", sa.String(collation=collation), nullable=False),
        sa.Column("entries", sa.Text(collation=collation), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("holder", "form"),
    )
    op.create_index("kept_form_age", "kept_form", ["kept_at"])


def downgrade() -> None:
    op.drop_index("kept_form_age", "kept_form")
    op.drop_table("kept_form")
