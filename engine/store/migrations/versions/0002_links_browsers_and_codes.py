"""Links to review, remembered browsers, codes by mail

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NEXT = sa.text("next_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("request", sa.Column("fall_back_at", MOMENT, nullable=True))
    op.add_column("address", sa.Column("refused_at", MOMENT, nullable=True))
    op.add_column("address", sa.Column("refused_why", sa.Text(), nullable=True))
    _with_or_without_run(nullable=True)
    op.create_table(
        "link",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("link_request", "link", ["request"])
    op.create_table(
        "browser",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("browser_hash", "browser", ["hash"])
    op.create_index("browser_person", "browser", ["person"])
    op.create_table(
        "challenge",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("form", sa.String(), nullable=True),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("challenge_address", "challenge", ["workspace", "address", "created_at"])
    op.create_index("challenge_age", "challenge", ["created_at"])
    op.create_index("challenge_form", "challenge", ["holder", "form"])


def downgrade() -> None:
    for table in ("challenge", "browser", "link"):
        op.drop_table(table)
    op.execute("DELETE FROM delivery WHERE run IS NULL")
    _with_or_without_run(nullable=False)
    # Not by writing the tables anew, as Alembic does it for SQLite: others refer to their rows.
    for table, column in (("address", "refused_why"), ("address", "refused_at"), ("request", "fall_back_at")):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _with_or_without_run(*, nullable: bool) -> None:
    """SQLite has to write the table anew; the indexes are made again by hand, because one has a condition."""
    op.drop_index("delivery_next", "delivery")
    op.drop_index("delivery_run", "delivery")
    with op.batch_alter_table("delivery") as delivery:
        delivery.alter_column("run", existing_type=sa.String(), nullable=nullable)
    op.create_index("delivery_next", "delivery", ["next_at"], sqlite_where=NEXT, postgresql_where=NEXT)
    op.create_index("delivery_run", "delivery", ["run"])
