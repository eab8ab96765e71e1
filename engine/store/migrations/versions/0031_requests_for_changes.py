"""The index of the requests in which changes were asked for, for the filter of the inbox

Revision: 0031, after 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state = 'changes_requested'")
    name, columns = "request_changes_requested", ["workspace", "id"]
    op.create_index(name, "request", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("request_changes_requested", "request")
