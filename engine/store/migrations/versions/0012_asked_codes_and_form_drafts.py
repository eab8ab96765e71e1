"""What processes share about people on pages: the codes that clients asked for, and forms while a code is fetched

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The collation: see migration 0008.
    text = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    long_text = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.Text()
    op.create_table(
        "asked_code",
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("client", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("asked_code_client", "asked_code", ["workspace", "client", "asked_at"])
    op.create_index("asked_code_age", "asked_code", ["asked_at"])
    op.create_table(
        "form_draft",
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("about", text, nullable=False),
        sa.Column("run", text, nullable=False),
        sa.Column("digest", text, nullable=False),
        sa.Column("typed", long_text, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("kept_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.PrimaryKeyConstraint("holder", "about"),
    )
    op.create_index("form_draft_about", "form_draft", ["about", "kept_at"])
    op.create_index("form_draft_run", "form_draft", ["run"])
    op.create_index("form_draft_age", "form_draft", ["kept_at"])


def downgrade() -> None:
    for table in ("form_draft", "asked_code"):
        op.drop_table(table)
