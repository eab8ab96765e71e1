"""The items of a foreach as pages show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from sqlalchemy import bindparam, literal_column, select

from engine import json_values
from engine.child_views import ItemPage, ItemProgress, ItemView
from engine.domain import ItemStatus, Params, RequestState, RunStatus
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.requests import Subject
from engine.store import item_rows
from engine.store.connection import Connection
from engine.store.item_rows import ForeachVisit
from engine.store.item_tables import ItemListRow, ItemRow
from engine.store.statements import Statement
from engine.store.tables import RequestRow, RunRow

_AT_ONCE: Final = 500
"""Number of items that are read at once."""
_FAILURES_SHOWN: Final = 5
"""Number of failed items that a page of a run names."""
_list = ItemListRow.__table__  # type: ignore[attr-defined]
_item = ItemRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_STATUSES: Final = by_value(ItemStatus)

_VISITS = Statement(select(_list.c.step, _list.c.visit).where(_list.c.run == bindparam("of")).order_by(_list.c.visit))
_LANES = Statement(
    select(_run.c.id, _run.c.item, _run.c.status, _run.c.error)
    .where(
        _run.c.parent == bindparam("of"),
        _run.c.parent_step == bindparam("at"),
        _run.c.parent_visit == bindparam("in_visit"),
        _run.c.item.is_not(None),
        _run.c.ended_at.is_(None),
    )
    .order_by(_run.c.item)
)
_ASKING = Statement(
    select(_request.c.id).where(
        _request.c.run == bindparam("lane"), _request.c.state == literal_column(f"'{RequestState.PENDING.value}'")
    )
)
_OF_VISIT = (_item.c.run == bindparam("of"), _item.c.step == bindparam("at"), _item.c.visit == bindparam("in_visit"))
_PAGE = Statement(
    select(_item)
    .where(*_OF_VISIT, _item.c.number > bindparam("after"))
    .order_by(_item.c.number)
    .limit(bindparam("limit"))
)
_FAILED = Statement(
    select(_item.c.number, _item.c.error)
    .where(*_OF_VISIT, _item.c.status == literal_column(f"'{ItemStatus.FAILED.value}'"))
    .order_by(_item.c.number)
    .limit(_FAILURES_SHOWN)
)


def progress_of_run(connection: Connection, run: str) -> tuple[ItemProgress, ...]:
    """Return how far the items of each visit to a foreach are."""
    visits = [ForeachVisit(run, row.step, row.visit) for row in _VISITS.all(connection, {"of": run})]
    return tuple(progress for of in visits if (progress := load_progress(connection, of)) is not None)


def load_progress(connection: Connection, of: ForeachVisit) -> ItemProgress | None:
    """Return how far the items of a visit are, or None if there are none."""
    stored = item_rows.load_list(connection, of)
    if stored is None:
        return None
    lanes = _LANES.all(connection, of.params)
    asking = [(lane.item, request) for lane in lanes for request in _ASKING.scalars(connection, {"lane": lane.id})]
    return ItemProgress(
        step=of.step,
        visit=of.visit,
        total=stored.total,
        written=stored.written,
        counts=item_rows.load_counts(connection, of),
        under_way=len(lanes),
        asking=tuple(asking),
        stuck=tuple((lane.item, lane.id) for lane in lanes if lane.status == RunStatus.NEEDS_ATTENTION.value),
        failures=tuple((row.number, row.error or "") for row in _FAILED.all(connection, of.params)),
    )


def load_page(connection: Connection, of: ForeachVisit, *, after: int, limit: int) -> ItemPage | None:
    """Return the items that follow the one with the number `after`, or None if there is no such visit."""
    progress = load_progress(connection, of)
    if progress is None:
        return None
    begun = {lane.item for lane in _LANES.all(connection, of.params)}
    rows = _PAGE.all(connection, {**of.params, "after": after, "limit": limit})
    return ItemPage(progress=progress, items=tuple(_view(row, is_begun=row.number in begun) for row in rows))


def iter_reviewed(connection: Connection, subject: Subject) -> Iterator[ItemView]:
    """Yield all items that a request is about, in their order; none if it is not about items."""
    of, after = ForeachVisit(subject.run, subject.step, subject.visit), 0
    while (page := load_page(connection, of, after=after, limit=_AT_ONCE)) is not None and page.items:
        yield from page.items
        after = page.items[-1].number


def _view(row: Any, *, is_begun: bool) -> ItemView:
    return ItemView(
        number=row.number,
        status=_STATUSES[row.status],
        is_begun=is_begun or row.lane is not None,
        value=None if row.value is None else json_values.loads(row.value),
        params=None if row.params is None else Params.from_value(json_values.loads(row.params)).shown(),
        output=None if row.output is None else cast("dict[str, Value]", json_values.loads(row.output)),
        error=row.error,
    )
