"""Links to what a run asks of its owner, and codes that confirm the answer

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "attention_link",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("attention_link_run", "attention_link", ["run"])
    # Not by writing the table anew, as Alembic does it for SQLite.
    op.execute("ALTER TABLE challenge ADD COLUMN run VARCHAR REFERENCES run (id)")


def downgrade() -> None:
    op.execute("DELETE FROM challenge WHERE purpose = 'answer'")
    op.execute("ALTER TABLE challenge DROP COLUMN run")
    op.drop_table("attention_link")
