"""The index of the triggers by which people start runs, and when a server looks at a schedule

Revision: 0033, after 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trigger", sa.Column("look_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE trigger SET look_at = next_at")
    op.drop_index("trigger_next", "trigger")
    _create_partial("trigger_look", ["look_at"], "look_at IS NOT NULL")
    _create_partial("trigger_kind", ["workspace", "kind"], "next_at IS NULL")


def downgrade() -> None:
    op.drop_index("trigger_kind", "trigger")
    op.drop_index("trigger_look", "trigger")
    op.drop_column("trigger", "look_at")
    _create_partial("trigger_next", ["next_at"], "next_at IS NOT NULL")


def _create_partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "trigger", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
