"""What follows the audit log: the words by which requests are found, and the counts of insights.

Both are made a moment after a unit was committed, by one unit that reads the next entries. The entries have no gap and
one order, so that nothing is left out and nothing counts twice, and no unit that people wait for writes a row that
another one wants as well.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, func, literal_column, or_, select

from engine.domain import Work
from engine.store import insight_counts, request_search
from engine.store.insight_tables import InsightProgressRow
from engine.store.port import Tx
from engine.store.search_tables import SearchProgressRow
from engine.store.statements import Statement
from engine.store.tables import AuditRow, WorkspaceRow

ENTRIES: Final = 2_000
"""Entries of the audit log that one unit follows."""
FAR_BEHIND: Final = 200_000
"""With so many entries to go, as after an upgrade, the next unit does not wait for the next look for work."""
WORK: Final = "log:"
"""What the id of the work begins with; the workspace follows."""

_audit = AuditRow.__table__  # type: ignore[attr-defined]
_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]
_searched = SearchProgressRow.__table__  # type: ignore[attr-defined]
_counted = InsightProgressRow.__table__  # type: ignore[attr-defined]

_LATEST: Final = select(func.max(_audit.c.seq)).where(_audit.c.workspace == _workspace.c.id).scalar_subquery()


def _reached(progress: Any) -> Any:
    reached = select(progress.c.seq).where(progress.c.workspace == _workspace.c.id).scalar_subquery()
    return func.coalesce(reached, literal_column("0"))


DUE = select((literal_column(f"'{WORK}'") + _workspace.c.id).label("id")).where(
    or_(_reached(_searched) < _LATEST, _reached(_counted) < _LATEST)
)
"""Selects the workspaces whose log has entries that were not followed; `engine.store.due_work` reads it."""
_ENTRIES = Statement(
    select(_audit.c.seq, _audit.c.leaf)
    .where(_audit.c.workspace == bindparam("workspace"), _audit.c.seq > bindparam("after"))
    .order_by(_audit.c.seq)
    .limit(ENTRIES)
)
_LAST = Statement(select(func.max(_audit.c.seq).label("seq")).where(_audit.c.workspace == bindparam("workspace")))


def is_following(work: Work) -> bool:
    """Return whether the work is to follow the log, which no one waits for."""
    return work.id.startswith(WORK)


def follow_log(tx: Tx, workspace: str) -> bool:
    """Follow the next entries of the log. Return whether there are more."""
    request_search.take_turn(tx, workspace)
    searched, counted = request_search.reached(tx, workspace), insight_counts.reached(tx, workspace)
    entries = _entries(tx, workspace, searched)
    if entries:
        request_search.write_opened(tx, workspace, entries)
    # After an upgrade one of them begins with the first entry; otherwise both read the same.
    to_count = entries if searched == counted else _entries(tx, workspace, counted)
    if to_count:
        insight_counts.count(tx, workspace, to_count)
    has_more = max(len(entries), len(to_count)) == ENTRIES
    if has_more and to_count and _last(tx, workspace) - to_count[-1].seq > FAR_BEHIND:
        tx.enqueue(Work("process_due", f"{WORK}{workspace}"))
    return has_more


def _last(tx: Tx, workspace: str) -> int:
    row = _LAST.one(tx.connection, {"workspace": workspace})
    return 0 if row is None else row.seq


def begin_anew(tx: Tx, workspace: str) -> None:
    """Delete the counts of insights, so that they begin with the first entry again."""
    request_search.take_turn(tx, workspace)
    insight_counts.forget(tx, workspace)


def _entries(tx: Tx, workspace: str, after: int) -> list[Any]:
    return _ENTRIES.all(tx.connection, {"workspace": workspace, "after": after})
