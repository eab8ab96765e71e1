"""Sampling plans, and how each visit to their gates was drawn

Revision: 0046, after 0045
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    text, long_text = sa.String(collation=collation), sa.Text(collation=collation)
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "sampling_plan",
        sa.Column("proposed_at", moment, nullable=True),
        sa.Column("agreed_at", moment, nullable=True),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("zones", long_text, nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("id", text, nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("workflow", text, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("step", text, nullable=False),
        sa.Column("class_name", text, nullable=False),
        sa.Column("model", text, nullable=False),
        sa.Column("stage", text, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("clean", sa.Integer(), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("owed", sa.Integer(), nullable=False),
        sa.Column("waits_for", text, nullable=True),
        sa.Column("proposal", text, nullable=True),
        sa.Column("agreed_by", text, nullable=True),
        sa.Column("commitment", text, nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["workflow"], ["workflow.id"]),
        sa.ForeignKeyConstraint(["agreed_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "sampling_plan_key", "sampling_plan", ["workflow", "version", "step", "class_name", "model"], unique=True
    )
    _index("sampling_plan_next", "sampling_plan", ["next_at"], "next_at IS NOT NULL")
    _index("sampling_plan_proposal", "sampling_plan", ["proposal"], "proposal IS NOT NULL")
    op.create_table(
        "gate_draw",
        sa.Column("at", moment, nullable=False),
        sa.Column("run", text, nullable=False),
        sa.Column("step", text, nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("workspace", text, nullable=False),
        sa.Column("plan", text, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.Column("request", text, nullable=True),
        sa.Column("digest", text, nullable=False),
        sa.Column("is_later", sa.Boolean(), nullable=False),
        sa.Column("later", text, nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.id"]),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["plan"], ["sampling_plan.id"]),
        sa.ForeignKeyConstraint(["request"], ["request.id"]),
        sa.PrimaryKeyConstraint("run", "step", "visit"),
    )
    op.create_index("gate_draw_plan", "gate_draw", ["plan", "at"])
    _index("gate_draw_request", "gate_draw", ["request"], "request IS NOT NULL")
    _index("gate_draw_unreviewed", "gate_draw", ["workspace", "at", "run"], "request IS NULL")
    _index("gate_draw_later", "gate_draw", ["at"], "is_later AND later IS NULL")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name in ("gate_draw_later", "gate_draw_unreviewed", "gate_draw_request", "gate_draw_plan"):
        op.drop_index(name, "gate_draw")
    op.drop_table("gate_draw")
    for name in ("sampling_plan_proposal", "sampling_plan_next", "sampling_plan_key"):
        op.drop_index(name, "sampling_plan")
    op.drop_table("sampling_plan")
