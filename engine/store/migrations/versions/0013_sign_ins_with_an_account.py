"""Sign-ins with an account, the decisions that wait for them, and the browsers that are signed in

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text = sa.String(collation=collation)
    op.add_column("browser", sa.Column("account", text, nullable=True))
    op.add_column("browser", sa.Column("signed_in_until", MOMENT, nullable=True))
    op.create_table(
        "sign_in",
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.Column("holder", sa.LargeBinary(), nullable=True),
        sa.Column("form", text, nullable=True),
        sa.Column("person", text, nullable=True),
        sa.Column("request", text, nullable=True),
        sa.Column("decision", sa.Text(collation=collation), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sign_in_state", "sign_in", ["state"])
    op.create_index("sign_in_age", "sign_in", ["created_at"])
    op.create_index("sign_in_form", "sign_in", ["holder", "form"])
    op.create_index("sign_in_request", "sign_in", ["request"])


def downgrade() -> None:
    op.drop_table("sign_in")
    for column in ("signed_in_until", "account"):
        op.execute(f"ALTER TABLE browser DROP COLUMN {column}")
