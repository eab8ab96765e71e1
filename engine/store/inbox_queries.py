"""The pages of an inbox: which requests are in each part, in which order, and on which page.

Each part is read along one index, in its order, a bounded number of rows at a time; filters are checked on those. So a
page costs the same beside a thousand and beside a million stored requests. A filter that matches rarely can leave a
page short: then the page says how far back it looked, and the next one goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from engine.inbox import InboxPage, InboxPart, InboxQuery
from engine.store import request_queries, request_search
from engine.store.connection import Connection
from engine.store.inbox_rows import FIRST_LOOK, MOST_CHECKED, InboxCandidate, InboxRows
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, RequestRow

_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_COUNT = Statement(
    select(func.count().label("waiting"))
    .select_from(_approver)
    .where(_approver.c.person == bindparam("of"), _approver.c.pending)
)
_OPENED_AT = Statement(select(_request.c.opened_at).where(_request.c.id == bindparam("id")))


@dataclass(frozen=True, slots=True)
class _Found:
    """The requests of a page in order. `next`: the cursor of the page after it. `last`: the last one that was checked,
    if the page is short of what it might have."""

    ids: Sequence[str]
    next: str | None
    last: str | None = None
    vague: tuple[str, ...] = ()


def _looks(query: InboxQuery) -> tuple[int, ...]:
    """Return how many rows are read, one read after the other, until a page is full."""
    is_exact = query.filter.is_empty or query.part is InboxPart.NEEDS_YOU
    return (0,) if is_exact else (FIRST_LOOK, MOST_CHECKED)


def inbox_page(connection: Connection, workspace: str, query: InboxQuery) -> InboxPage:
    """Return one page of a part of the reader's inbox."""
    found = _find(connection, workspace, query)
    return InboxPage(
        requests=tuple(request_queries.load_by_ids(connection, found.ids)),
        need_you=need_you(connection, query.reader.person.id),
        next=found.next,
        searched_until=_opened_at(connection, found.last) if found.last is not None else None,
        vague=found.vague,
    )


def need_you(connection: Connection, person: str) -> int:
    """Return the number of requests that wait for a person."""
    return int(_COUNT.scalars(connection, {"of": person})[0])


def _opened_at(connection: Connection, request: str) -> datetime:
    moment: datetime = _OPENED_AT.scalars(connection, {"id": request})[0]
    return moment


def _find(connection: Connection, workspace: str, query: InboxQuery) -> _Found:
    meaning = request_search.look_up(connection, workspace, query.filter.search)
    if not meaning.finds_some:
        return _Found((), None, vague=meaning.vague)
    rows, after, kept = InboxRows(connection, workspace, query, meaning), query.after, list[InboxCandidate]()
    for size in _looks(query):
        candidates = rows.read(after, max(size, query.limit + 1))
        kept += [one for one in candidates.rows if one.wanted]
        if len(kept) > query.limit:
            shown = kept[: query.limit]
            return _Found([one.request for one in shown], shown[-1].cursor)
        if not candidates.rows or not candidates.has_more:
            return _Found([one.request for one in kept], None)
        after = candidates.rows[-1].cursor
    last = candidates.rows[-1]
    return _Found([one.request for one in kept], last.cursor, last=last.request)
