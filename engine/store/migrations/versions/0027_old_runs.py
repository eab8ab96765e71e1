"""An index of the ended runs that have contents, in the order in which they ended

Revision: 0027, after 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

WHERE = sa.text("ended_at IS NOT NULL AND (erased_at IS NULL OR erased_at < ended_at)")


def upgrade() -> None:
    op.create_index("run_with_contents", "run", ["workspace", "ended_at"], sqlite_where=WHERE, postgresql_where=WHERE)


def downgrade() -> None:
    op.drop_index("run_with_contents", "run")
