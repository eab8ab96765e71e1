"""Insights: one row for the times of all classes, which is read in a tenth of the time

Revision: 0045, after 0044
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

CLASSES = 20
COUNTS = tuple(f"{name}_{at}" for name in ("decided", "undecided") for at in range(CLASSES))
WEEK = ("workspace", "week", "workflow")
KEYS = {"time": (*WEEK, "step", "deadline", "spell"), "hour": (*WEEK, "hour")}
TEXTS = frozenset({"workspace", "workflow", "step"})


def upgrade() -> None:
    for name, key in KEYS.items():
        _create(f"insight_{name}s", key, COUNTS)
        narrow = sa.table(f"insight_{name}", *map(sa.column, (*key, "bucket", "decided", "undecided")))
        wide = sa.table(f"insight_{name}s", *map(sa.column, (*key, *COUNTS)))
        sums = [_sum(narrow, column, at) for column in ("decided", "undecided") for at in range(CLASSES)]
        rows = sa.select(*(narrow.c[part] for part in key), *sums).group_by(*(narrow.c[part] for part in key))
        op.execute(wide.insert().from_select([*key, *COUNTS], rows))
        op.drop_table(f"insight_{name}")


def _sum(narrow: sa.TableClause, column: str, bucket: int) -> Any:
    return sa.func.sum(sa.case((narrow.c.bucket == sa.literal_column(str(bucket)), narrow.c[column]), else_=0))


def _create(name: str, key: Sequence[str], counts: Sequence[str]) -> None:
    # The collation: see migration 0008.
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    kinds: Mapping[bool, Any] = {True: sa.String(collation=collation), False: sa.Integer()}
    op.create_table(
        name,
        *(sa.Column(part, kinds[part in TEXTS], nullable=False, autoincrement=False) for part in key),
        *(sa.Column(count, sa.Integer(), nullable=False) for count in counts),
        sa.PrimaryKeyConstraint(*key),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name, key in KEYS.items():
        _create(f"insight_{name}", (*key, "bucket"), ("decided", "undecided"))
        narrow = sa.table(f"insight_{name}", *map(sa.column, (*key, "bucket", "decided", "undecided")))
        wide = sa.table(f"insight_{name}s", *map(sa.column, (*key, *COUNTS)))
        for at in range(CLASSES):
            decided, undecided = wide.c[f"decided_{at}"], wide.c[f"undecided_{at}"]
            rows = sa.select(*(wide.c[part] for part in key), sa.literal_column(str(at)), decided, undecided)
            some = rows.where(decided + undecided > 0)
            op.execute(narrow.insert().from_select([*key, "bucket", "decided", "undecided"], some))
        op.drop_table(f"insight_{name}s")
