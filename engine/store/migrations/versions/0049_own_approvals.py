"""How many approvals are no evidence for a sampling plan, because the person gave them who had started the run

Revision: 0049, after 0048
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sampling_plan", sa.Column("by_requester", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("sampling_plan", "by_requester")
