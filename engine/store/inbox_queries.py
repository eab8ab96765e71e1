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
from engine.store import inbox_rows, request_queries, request_search
from engine.store.connection import Connection
from engine.store.inbox_filters import InboxConditions
from engine.store.inbox_rows import FIRST_LOOK, MOST_CHECKED, InboxCandidate, InboxRows
from engine.store.request_search import IdRange, SearchMeaning
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, RequestRow, RunRow

_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_COUNT = Statement(
    select(func.count().label("waiting"))
    .select_from(_approver)
    .where(_approver.c.person == bindparam("of"), _approver.c.pending)
)
_DECIDED_AT = Statement(select(_decision.c.decided_at).where(_decision.c.id == bindparam("id")))
_OPENED_AT = Statement(select(_request.c.opened_at).where(_request.c.id == bindparam("id")))
_FIRST_OPENED_AT = Statement(
    select(func.coalesce(func.min(_request.c.opened_at), _run.c.started_at).label("opened_at"))
    .select_from(_run.join(_request, _request.c.run == _run.c.id, isouter=True))
    .where(_run.c.id == bindparam("id"))
    .group_by(_run.c.id, _run.c.started_at)
)


@dataclass(frozen=True, slots=True)
class _Found:
    """The requests of a page in order. `next`: the cursor of the page after it. `last`: the last one that was checked,
    if the page is short of what it might have."""

    ids: Sequence[str]
    next: str | None
    last: InboxCandidate | None = None
    vague: tuple[str, ...] = ()


def _looks(query: InboxQuery) -> tuple[int, ...]:
    """Return how many rows are read, one read after the other, until a page is full."""
    if query.part is InboxPart.NEEDS_YOU:
        return (0,)
    return (0, FIRST_LOOK, MOST_CHECKED) if query.filter.is_empty else (FIRST_LOOK, MOST_CHECKED)


def inbox_page(connection: Connection, workspace: str, query: InboxQuery) -> InboxPage:
    """Return one page of a part of the reader's inbox."""
    found = _find(connection, workspace, query)
    return InboxPage(
        requests=tuple(request_queries.load_by_ids(connection, found.ids)),
        need_you=need_you(connection, query.reader.person.id),
        next=found.next,
        searched_until=_looked_back_to(connection, query.part, found.last) if found.last is not None else None,
        vague=found.vague,
    )


def need_you(connection: Connection, person: str) -> int:
    """Return the number of requests that wait for a person."""
    return int(_COUNT.scalars(connection, {"of": person})[0])


def _looked_back_to(connection: Connection, part: InboxPart, checked: InboxCandidate) -> datetime:
    """Return the moment of what was checked last, of the kind that the days of the filter are about."""
    if part is InboxPart.DECIDED:
        (decided_at,) = _DECIDED_AT.scalars(connection, {"id": inbox_rows.key_of(checked.cursor)})
        moment: datetime = decided_at
        return moment
    return _opened_at(connection, checked.request)


def _opened_at(connection: Connection, checked: str) -> datetime:
    """Return when a request was opened; of a run, when its first one was, or the run began if it has none."""
    moments = [at for one in (_OPENED_AT, _FIRST_OPENED_AT) for at in one.scalars(connection, {"id": checked})]
    moment: datetime = moments[0]
    return moment


def _rows(connection: Connection, workspace: str, query: InboxQuery, meaning: SearchMeaning) -> InboxRows:
    within = IdRange.of(query.filter.since, query.filter.until)
    if meaning.terms:
        most = inbox_rows.MOST_LOOKED_AT + 1
        meaning = request_search.rarest_first(connection, workspace, meaning, within, most=most)
    return InboxRows(connection, InboxConditions.of(connection, workspace, query, meaning), within)


def _find(connection: Connection, workspace: str, query: InboxQuery) -> _Found:
    meaning = request_search.look_up(connection, workspace, query.filter.search)
    if not meaning.finds_some:
        return _Found((), None, vague=meaning.vague)
    rows = _rows(connection, workspace, query, meaning)
    after, kept = query.after, list[InboxCandidate]()
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
    return _Found([one.request for one in kept], last.cursor, last=last)
