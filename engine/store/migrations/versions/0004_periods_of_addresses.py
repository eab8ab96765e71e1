"""Addresses have a time from which and until which they belong to a person, and approvers say what names them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "address_period",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("moved", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("address_period_address", "address_period", ["workspace", "kind", "value"])
    op.create_index("address_period_person", "address_period", ["person"])
    op.execute(
        "INSERT INTO address_period (id, workspace, kind, value, person, since, evidence) "
        "SELECT workspace || ':' || kind || ':' || value, workspace, kind, value, person, added_at, "
        "'An older version of Signoff, which kept no evidence.' FROM address"
    )
    # A plain ALTER TABLE: to write the tables anew, as Alembic does for SQLite, would touch rows that others refer to.
    op.execute("ALTER TABLE person ADD COLUMN split_from VARCHAR REFERENCES person (id)")
    op.execute("ALTER TABLE approver ADD COLUMN named_by TEXT")
    op.execute("ALTER TABLE approver ADD COLUMN excluded TEXT")


def downgrade() -> None:
    for table, column in (("approver", "excluded"), ("approver", "named_by")):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.drop_column("person", "split_from")
    op.drop_table("address_period")
