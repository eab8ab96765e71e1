"""Reads the requests that may be on a page of an inbox along an index, and tells which of them match its filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, false, literal_column, or_, select, true, union_all

from engine.domain import RequestState
from engine.inbox import InboxFilter, InboxPart, InboxQuery
from engine.store import request_search
from engine.store.connection import Connection
from engine.store.request_search import IdRange, SearchMeaning
from engine.store.tables import ApproverRow, DecisionRow, RequestRow, RunRow, WorkflowRow

FIRST_LOOK: Final = 100
"""Rows that are checked at first where a filter leaves some out."""
MOST_CHECKED: Final = 400
"""Rows that one page checks at most after that."""
MOST_LOOKED_AT: Final = FIRST_LOOK + MOST_CHECKED - 2
"""Rows after which one page surely has none left to check: its second read begins with the last row of the first."""
DECISIONS: Final = 500
"""Latest decisions of a person among which those are looked for that still wait for others."""

_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_SEPARATOR: Final = "~"
_PENDING: Final = _request.c.state == RequestState.PENDING.value
_RARE: Final = frozenset({RequestState.REJECTED, RequestState.EXPIRED, RequestState.CANCELLED, RequestState.PENDING})
"""States that have an index of their own. Most requests are approved."""


@dataclass(frozen=True, slots=True)
class InboxCandidate:
    """A request, the cursor after which the next ones come, and whether the filter wants it."""

    request: str
    cursor: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class InboxCandidates:
    """Some requests in the order of their part. `has_more`: others may follow."""

    rows: Sequence[InboxCandidate]
    has_more: bool


@dataclass(frozen=True)
class InboxRows:
    """Reads the rows of one query. `meaning`: of what was typed to search for."""

    connection: Connection
    workspace: str
    query: InboxQuery
    meaning: SearchMeaning

    def read(self, after: str | None, most: int) -> InboxCandidates:
        """Return the next requests that may be on a page, along the index that leaves out most others."""
        if self.query.part is InboxPart.NEEDS_YOU:
            return self._by_deadline(after, most)
        rows = self._flagged(_of_part(self, after, most))
        newest = sorted({(row.key, row.id): bool(row.wanted) for row in rows}.items(), reverse=True)
        shown = tuple(after.split(_SEPARATOR)) if after is not None else None
        found = [
            InboxCandidate(key[1], _SEPARATOR.join(key), wanted)
            for key, wanted in newest
            if shown is None or key < shown
        ]
        return InboxCandidates(found, len(rows) >= most)

    def rarest(self, most: int) -> tuple[str, ...] | None:
        """Return the words along which a search is read, or None if it is read along what the reader sees.

        If one page does not look at every request with the words, how far it looked would say how many there are.
        """
        if self.query.reader.reads_everything:
            return request_search.find_rarest(self.connection, self.workspace, self.meaning, most)
        return self._rare

    @cached_property
    def _rare(self) -> tuple[str, ...] | None:
        """The rarest of the typed words, if one page looks at every request with it."""
        rarest = request_search.find_rarest(self.connection, self.workspace, self.meaning, MOST_LOOKED_AT + 1)
        some = request_search.newest_with(self.workspace, rarest, within=self.within, most=MOST_LOOKED_AT + 1)
        return rarest if len(self.connection.execute(some).all()) <= MOST_LOOKED_AT else None

    @property
    def within(self) -> IdRange:
        """The range of ids of requests that were opened in the period that is filtered for."""
        return IdRange.of(self.query.filter.since, self.query.filter.until)

    def of_runs(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        """Select the requests of some runs. Their key is the run, whose index is read in its order."""
        # A request may open long after its run began, and never before.
        began = self.within.only_until.conditions(_run.c.id)
        joined = select(_request.c.id, _run.c.id.label("key")).join(_run, _run.c.id == _request.c.run)
        return joined.where(*conditions, *began)

    def of_workflows(self, **wanted: str) -> list[Select[Any]]:
        """Select the requests of each workflow with this name and owner."""
        statement = select(_workflow.c.id).where(_workflow.c.workspace == self.workspace).filter_by(**wanted)
        return [self.of_runs(_run.c.workflow == row.id) for row in self.connection.execute(statement)]

    def _by_deadline(self, after: str | None, most: int) -> InboxCandidates:
        """Return the requests that wait for the reader and match, those that expire first before the others.

        All that wait for the reader are looked at: their order is in no index, and they are few.
        """
        words = request_search.has_words(_request.c.id, self.workspace, self.meaning)
        conditions = [*words, *_conditions(self.query.filter)]
        tables: Any = _request.join(_approver, _approver.c.request == _request.c.id)
        statement = (
            select(_request.c.id, _request.c.expires_at.label("key"))
            .select_from(_with_run(tables) if conditions else tables)
            .where(_approver.c.person == self.query.reader.person.id, _approver.c.pending, *conditions)
            .where(_request.c.workspace == self.workspace, *_after_deadline(after))
            .order_by(_request.c.expires_at.is_(None), _request.c.expires_at, _request.c.id)
            .limit(most)
        )
        rows = self.connection.execute(statement).all()
        return InboxCandidates([InboxCandidate(row.id, _cursor(row), wanted=True) for row in rows], len(rows) == most)

    def _flagged(self, candidates: Any) -> Sequence[Any]:
        """Run a statement that has a limit, with a column that says whether the filter wants a row.

        The limit keeps the database from checking the filter on other rows.
        """
        query = self.query
        is_theirs = query.part is InboxPart.ALL and query.reader.reads_everything and not self.meaning.terms
        # Where a person is filtered for among everything, the rows are theirs already.
        wanted = _without_days(query)
        limited = candidates.subquery("candidate")
        conditions = [*_conditions(replace(wanted, person="") if is_theirs else wanted), *_visible(query)]
        conditions += _decided_within(query, limited.c.key)
        words = request_search.has_words(limited.c.id, self.workspace, self.meaning)
        statement = select(limited.c.id, limited.c.key, and_(true(), *words, *conditions).label("wanted"))
        if conditions:
            statement = statement.select_from(_with_run(limited.join(_request, _request.c.id == limited.c.id)))
        return self.connection.execute(statement).all()


def _with_run(tables: Any) -> Any:
    return tables.join(_run, _run.c.id == _request.c.run).join(_workflow, _workflow.c.id == _run.c.workflow)


# -- one index each ---------------------------------------------------------------------------------------------


def _of_part(rows: InboxRows, after: str | None, most: int) -> Any:
    person = rows.query.reader.person.id
    match rows.query.part:
        case InboxPart.DECIDED:
            mine = _decided_by(person).where(*rows.within.conditions(_decision.c.id))
            return _limited(mine, _decision.c.id, after, most)
        case InboxPart.WAITING:
            own = rows.of_runs(_run.c.requester == person, _run.c.ended_at.is_(None), _PENDING)
            return _together([own, _approved_by(person)], after, most)
        case _ if rows.meaning.terms and (rarest := rows.rarest(most)) is not None:
            before = _key_of(after) if after is not None else None
            return request_search.newest_with(rows.workspace, rarest, before=before, within=rows.within, most=most)
        case _ if not rows.query.reader.reads_everything:
            return _together(_own(rows), after, most)
        case _:
            return _everything(rows, after, most)


def _own(rows: InboxRows) -> list[Select[Any]]:
    """Return the requests that the reader started, and those of their workflows.

    No other ones are looked at: how far a page looks must not say how many there are that its reader may not see.
    """
    person, name = rows.query.reader.person.id, rows.query.filter.workflow
    owned = rows.of_workflows(owner=person, **({"name": name} if name else {}))
    return [rows.of_runs(_run.c.requester == person), *owned]


def _everything(rows: InboxRows, after: str | None, most: int) -> Any:
    wanted = rows.query.filter
    if wanted.person:
        decided = exists().where(_decision.c.request == _request.c.id, _decision.c.person == wanted.person)
        started = rows.of_runs(_run.c.requester == wanted.person, ~decided)
        return _together([_decided_by(wanted.person), started], after, most)
    if wanted.workflow:
        return _together(rows.of_workflows(name=wanted.workflow), after, most)
    of_all = select(_request.c.id, _request.c.id.label("key")).where(_request.c.workspace == rows.workspace)
    of_all = of_all.where(*rows.within.conditions(_request.c.id))
    if wanted.state in _RARE:
        of_all = of_all.where(_request.c.state == literal_column(f"'{wanted.state.value}'"))  # as in the index
    return _limited(of_all, _request.c.id, after, most)


def _decided_by(person: str) -> Select[Any]:
    """Return the requests that a person decided, each at their latest decision on it."""
    later = _decision.alias("later")
    newer = exists().where(
        later.c.request == _decision.c.request, later.c.person == _decision.c.person, later.c.id > _decision.c.id
    )
    return select(_decision.c.request.label("id"), _decision.c.id.label("key")).where(
        _decision.c.person == person, ~newer
    )


def _approved_by(person: str) -> Select[Any]:
    """Return the open requests that a person approved, and that wait for the approval of others.

    They are looked for among the latest decisions of the person.
    """
    latest = (
        select(_decision.c.request, _decision.c.content_version)
        .where(_decision.c.person == person)
        .order_by(_decision.c.id.desc())
        .limit(DECISIONS)
        .subquery()
    )
    waits = exists().where(_approver.c.request == _request.c.id, _approver.c.person == person, _approver.c.pending)
    return (
        select(_request.c.id, _request.c.run.label("key"))
        .join(latest, latest.c.request == _request.c.id)
        .where(_PENDING, latest.c.content_version == _request.c.content_version, ~waits)
    )


def _limited(statement: Select[Any], key: ColumnElement[Any], after: str | None, most: int) -> Select[Any]:
    # The run of the last request can have others, so it is read again.
    older = key <= _key_of(after) if after is not None else true()
    return statement.where(older).order_by(key.desc(), statement.selected_columns.id.desc()).limit(most)


def _together(parts: Sequence[Select[Any]], after: str | None, most: int) -> Any:
    """Return the newest of all parts. Each is limited by itself, so that its index is used.

    Their keys are ids of runs or decisions, which all sort by time.
    """
    # No workflow has the name: then there is no part.
    some = parts or [select(_request.c.id, _request.c.id.label("key")).where(false())]
    limited = [_limited(part, part.selected_columns.key, after, most).subquery() for part in some]
    whole = union_all(*(select(part.c.id, part.c.key) for part in limited)).subquery()
    return select(whole.c.id, whole.c.key).order_by(whole.c.key.desc(), whole.c.id.desc()).limit(most)


# -- cursors ------------------------------------------------------------------------------------------------


def _key_of(cursor: str) -> str:
    return cursor.partition(_SEPARATOR)[0]


def _cursor(row: Any) -> str:
    return f"{row.key.isoformat() if row.key is not None else ''}{_SEPARATOR}{row.id}"


def _after_deadline(cursor: str | None) -> list[ColumnElement[bool]]:
    if cursor is None:
        return []
    text, _, request = cursor.partition(_SEPARATOR)
    if not text:
        return [and_(_request.c.expires_at.is_(None), _request.c.id > request)]
    due = datetime.fromisoformat(text)
    later = or_(_request.c.expires_at > due, and_(_request.c.expires_at == due, _request.c.id > request))
    return [or_(later, _request.c.expires_at.is_(None))]


# -- filters ----------------------------------------------------------------------------------------------------


def _visible(query: InboxQuery) -> Iterable[ColumnElement[bool]]:
    """Yield the condition that a reader may see a request, where the part alone does not say so."""
    if query.part is InboxPart.ALL and not query.reader.reads_everything:
        person = query.reader.person.id
        yield or_(_workflow.c.owner == person, _run.c.requester == person)


def _without_days(query: InboxQuery) -> InboxFilter:
    """Return the filter without its days where they are those of the reader's decisions."""
    return replace(query.filter, since=None, until=None) if query.part is InboxPart.DECIDED else query.filter


def _decided_within(query: InboxQuery, decision: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """Return the condition that a decision was made on the days of the filter, if the part is that of decisions."""
    since, until = query.filter.since, query.filter.until
    if query.part is not InboxPart.DECIDED or (since is None and until is None):
        return []
    exact = [_decision.c.decided_at >= since] if since is not None else []
    exact += [_decision.c.decided_at < until] if until is not None else []
    return [exists().where(_decision.c.id == decision, *exact)]


def _conditions(wanted: InboxFilter) -> Iterable[ColumnElement[bool]]:
    if wanted.workflow:
        yield _workflow.c.name == wanted.workflow
    if wanted.person:
        decided = exists().where(_decision.c.request == _request.c.id, _decision.c.person == wanted.person)
        yield or_(_run.c.requester == wanted.person, decided)
    if wanted.state is not None:
        yield _request.c.state == wanted.state.value
    if wanted.since is not None:
        yield _request.c.opened_at >= wanted.since
    if wanted.until is not None:
        yield _request.c.opened_at < wanted.until
