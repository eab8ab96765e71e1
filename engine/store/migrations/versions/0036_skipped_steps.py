"""The index of the requests in which a step that failed was skipped, for the filter of the inbox

Revision: 0036, after 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state = 'skipped'")
    op.create_index("request_skipped", "request", ["workspace", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("request_skipped", "request")
