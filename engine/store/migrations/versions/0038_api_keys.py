"""API keys

Revision: 0038, after 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "api_key",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", moment, nullable=True),
        sa.Column("actions", long_text, nullable=False),
        sa.Column("workflows", long_text, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("rotated_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("refused_at", moment, nullable=True),
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("acts_for", text, nullable=True),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("created_by", text, nullable=False),
        sa.Column("rotated_by", text, nullable=True),
        sa.Column("revoked_by", text, nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        *(
            sa.ForeignKeyConstraint([column], ["person.id"])
            for column in ("person", "created_by", "rotated_by", "revoked_by")
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("api_key_workspace", "api_key", ["workspace", "id"])


def downgrade() -> None:
    op.drop_index("api_key_workspace", "api_key")
    op.drop_table("api_key")
