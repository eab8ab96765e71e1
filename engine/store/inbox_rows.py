"""Reads the requests that may be on a page of an inbox along an index, and tells which of them match its filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, exists, or_, select, true, union

from engine.domain import RequestState
from engine.inbox import InboxPart
from engine.store import inbox_filters, request_search
from engine.store.connection import Connection
from engine.store.inbox_filters import InboxConditions
from engine.store.request_search import IdRange
from engine.store.tables import ApproverRow, DecisionRow, RequestRow, RunRow

FIRST_LOOK: Final = 100
"""Rows that are checked at first where a filter leaves some out."""
MOST_CHECKED: Final = 400
"""Rows that one page checks at most after that."""
MOST_LOOKED_AT: Final = FIRST_LOOK + MOST_CHECKED - 2
"""Rows after which one page surely has none left to check: its second read begins with the last row of the first."""
DECISIONS: Final = 500
"""Latest decisions of a person among which those are looked for that still wait for others."""

_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_SEPARATOR: Final = "~"
_PENDING: Final = _request.c.state == RequestState.PENDING.value
_Parts: TypeAlias = Sequence[Select[Any]]


@dataclass(frozen=True, slots=True)
class InboxCandidate:
    """A request, the cursor after which the next ones come, and whether the filter wants it.

    `request`: of a run of which no request is wanted, the run.
    """

    request: str
    cursor: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class InboxCandidates:
    """Some requests in the order of their part. `has_more`: others may follow."""

    rows: Sequence[InboxCandidate]
    has_more: bool


@dataclass(frozen=True, slots=True)
class InboxRows:
    """Reads the rows of one query. `within`: ids of requests that were opened in the period that is filtered for."""

    connection: Connection
    conditions: InboxConditions
    within: IdRange

    def read(self, after: str | None, most: int) -> InboxCandidates:
        """Return the next requests that may be on a page, along the index that leaves out most others."""
        if self.conditions.named is not None and not self.conditions.named:
            return InboxCandidates([], has_more=False)
        if self.conditions.query.part is InboxPart.NEEDS_YOU:
            return self._by_deadline(after, most)
        by_run, statement = self._statement(after, most)
        rows = self.connection.execute(statement).all()
        read = len({row.key for row in rows}) if by_run else len(rows)
        return InboxCandidates([*_newest(rows, after)], read >= most)

    def _statement(self, after: str | None, most: int) -> tuple[bool, Select[Any]]:
        """Return what reads the next rows of a part, and whether it is limited to so many runs, and not requests."""
        part, person = self.conditions.query.part, self.conditions.query.reader.person.id
        if part is InboxPart.DECIDED:
            within = self.within.conditions(_decision.c.id)
            mine = [_decided_by(decider).where(*within) for decider in self.conditions.deciders]
            return False, self._of_requests(_together(mine, after, most))
        if part is InboxPart.WAITING:
            waiting = _approved_by(person, self.conditions.workspace)
            return False, self._of_requests(_together([_started_by(person), waiting], after, most))
        if self.is_along_words:
            return False, self._of_requests(self._with_words(after, most))
        if (runs := _runs_of_all(self)) is not None:
            return True, self._of_runs(runs, after, most)
        return False, self._of_requests(_everything(self, after, most))

    def _with_words(self, after: str | None, most: int) -> Select[Any]:
        """Select the next requests with the rarest word."""
        before, rarest = key_of(after) if after is not None else None, self.conditions.meaning.terms[0]
        return request_search.newest_with(
            self.conditions.workspace, rarest, before=before, within=self.within, most=most
        )

    @property
    def is_along_words(self) -> bool:
        """Whether a search is read along its rarest word, and not along what the reader sees.

        If one page does not look at every request with the word, how far it looked would say how many there are.
        """
        meaning = self.conditions.meaning
        return bool(meaning.terms) and (
            self.conditions.query.reader.reads_everything or meaning.fewest <= MOST_LOOKED_AT
        )

    def _by_deadline(self, after: str | None, most: int) -> InboxCandidates:
        """Return the requests that wait for the reader and match, those that expire first before the others.

        All that wait for the reader are looked at: their order is in no index, and they are few.
        """
        conditions, query = self.conditions, self.conditions.query
        statement = (
            select(_request.c.id, _request.c.expires_at.label("key"))
            .select_from(_approver.join(_request, _request.c.id == _approver.c.request))
            .where(_approver.c.person == query.reader.person.id, _approver.c.pending)
            .where(*conditions.state(_approver.c.request), *conditions.words(_approver.c.request))
            # Not by its workspace, which is that of the person: SQLite would read every request of it.
            .where(*_after_deadline(after), *conditions.period(), *conditions.run(person=query.filter.person))
            .order_by(_request.c.expires_at.is_(None), _request.c.expires_at, _request.c.id)
            .limit(most)
        )
        rows = self.connection.execute(statement).all()
        return InboxCandidates([InboxCandidate(row.id, _cursor(row), wanted=True) for row in rows], len(rows) == most)

    def _of_requests(self, candidates: Select[Any]) -> Select[Any]:
        """Select some requests, with a column that says whether the filter wants a row.

        Their limit keeps the database from checking the filter on other rows.
        """
        conditions, row = self.conditions, candidates.subquery("candidate")
        # Where a person is filtered for among everything, the rows are theirs already.
        person = "" if self._is_theirs else conditions.query.filter.person
        others = [*conditions.period(), *conditions.run(person=person)]
        # In this order, and none after one that is not met.
        wanted = [*conditions.state(row.c.id), *conditions.words(row.c.id), *others]
        wanted += [*conditions.decided_within(row.c.key), *self._is_latest(row, _request if others else row)]
        if others:
            wanted.append(_request.c.id == row.c.id)
        return select(row.c.key, row.c.id, inbox_filters.all_of(wanted, _request if others else None).label("wanted"))

    @property
    def _is_theirs(self) -> bool:
        """Whether all is read along what the person did who is filtered for."""
        query = self.conditions.query
        is_all = query.part is InboxPart.ALL and query.reader.reads_everything
        return is_all and bool(query.filter.person) and not self.conditions.meaning.terms

    def _is_latest(self, row: FromClause, request: FromClause) -> list[ColumnElement[bool]]:
        """Return the condition that a row of decisions is the latest one of its person about a request."""
        query = self.conditions.query
        if query.part is InboxPart.DECIDED:
            return [inbox_filters.is_latest(row.c.key, request.c.id, one) for one in self.conditions.deciders]
        return [inbox_filters.is_latest(row.c.key, request.c.id, query.filter.person)] if self._is_theirs else []

    def _of_runs(self, parts: _Parts, after: str | None, most: int) -> Select[Any]:
        """Select some runs, each with those of its requests that the filter wants, or none."""
        conditions, person = self.conditions, self.conditions.query.filter.person
        row = _together(parts, after, most).subquery("candidate")
        of_person = [or_(row.c.requester == person, inbox_filters.decided(_request.c.id, person))] if person else []
        wanted = and_(
            _request.c.run == row.c.run,
            *conditions.state(_request.c.id),
            *of_person,
            *conditions.words(_request.c.id),
            *conditions.period(),
        )
        joined = row.join(_request, wanted, isouter=True)
        return select(row.c.key, _request.c.id, _request.c.id.is_not(None).label("wanted")).select_from(joined)


def _newest(rows: Sequence[Any], after: str | None) -> Iterator[InboxCandidate]:
    """Yield rows that come after a cursor, each once, the newest first."""
    newest = sorted({(row.key, row.id or row.key): bool(row.wanted) for row in rows}.items(), reverse=True)
    shown = tuple(after.split(_SEPARATOR)) if after is not None else None
    for key, wanted in newest:
        if shown is None or key < shown:
            yield InboxCandidate(key[1], _SEPARATOR.join(key), wanted)


# -- one index each ---------------------------------------------------------------------------------------------


def _runs_of_all(rows: InboxRows) -> _Parts | None:
    """Return the runs whose requests may be on a page of everything, or None if it is read along requests.

    Of those who do not see everything, no other runs are looked at: how far a page looks must not say how many there
    are that its reader may not see.
    """
    query, named = rows.conditions.query, rows.conditions.named
    if not query.reader.reads_everything:
        wanted = true() if named is None else _run.c.workflow.in_(named)
        own = _runs(rows, wanted).where(_run.c.requester == query.reader.person.id)
        return [own, *_runs_of(rows, [one for one in rows.conditions.owned if named is None or one in named])]
    return _runs_of(rows, named) if named is not None and not query.filter.person else None


def _runs_of(rows: InboxRows, workflows: Sequence[str]) -> _Parts:
    return [_runs(rows).where(_run.c.workflow == workflow) for workflow in workflows]


def _runs(rows: InboxRows, wanted: ColumnElement[bool] = true()) -> Select[Any]:  # noqa: B008 it never changes
    """Select runs. `run` is null for those that are not wanted, so that their requests are not read."""
    runs = select(_run.c.id.label("key"), case((wanted, _run.c.id)).label("run"), _run.c.requester)
    # A request may open long after its run began, and never before.
    return runs.where(*rows.within.only_until.conditions(_run.c.id))


def _everything(rows: InboxRows, after: str | None, most: int) -> Any:
    wanted = rows.conditions.query.filter
    if wanted.person:
        decided = inbox_filters.decided(_request.c.id, wanted.person)
        began = rows.within.only_until.conditions(_run.c.id)
        started = _requests_of_runs().where(_run.c.requester == wanted.person, ~decided, *began)
        return _together([_decided_by(wanted.person), started], after, most)
    of_all = select(_request.c.id, _request.c.id.label("key")).where(
        _request.c.workspace == rows.conditions.workspace, *rows.within.conditions(_request.c.id)
    )
    if wanted.state is not None and wanted.state in inbox_filters.RARE:
        of_all = of_all.where(inbox_filters.is_in(wanted.state))
    return _limited(of_all, after, most)


def _requests_of_runs() -> Select[Any]:
    """Select the requests of runs. Their key is the run, whose index is read in its order."""
    return select(_request.c.id, _run.c.id.label("key")).join(_run, _run.c.id == _request.c.run)


def _started_by(person: str) -> Select[Any]:
    """Return the open requests of runs that a person started."""
    return _requests_of_runs().where(_run.c.requester == person, _run.c.ended_at.is_(None), _PENDING)


def _decided_by(person: str) -> Select[Any]:
    """Return the requests that a person decided, at each of their decisions."""
    return select(_decision.c.request.label("id"), _decision.c.id.label("key")).where(_decision.c.person == person)


def _approved_by(person: str, workspace: str) -> Select[Any]:
    """Return the open requests that a person approved, and that wait for the approval of others.

    They are looked for among the latest decisions of the person.
    """
    latest = _decided_by(person).order_by(_decision.c.id.desc()).limit(DECISIONS).subquery()
    waiting = inbox_filters.has_state(RequestState.PENDING, latest.c.id, workspace)
    counts = exists().where(_decision.c.id == latest.c.key, _decision.c.content_version == _request.c.content_version)
    waits = exists().where(_approver.c.request == _request.c.id, _approver.c.person == person, _approver.c.pending)
    return (
        select(_request.c.id, _request.c.run.label("key"))
        .join(latest, latest.c.id == _request.c.id)
        .where(waiting, counts, ~waits)
    )


def _limited(statement: Select[Any], after: str | None, most: int) -> Select[Any]:
    columns = statement.selected_columns
    # The run of the last request can have others, so it is read again.
    older = [columns.key <= key_of(after)] if after is not None else []
    order = [columns[name].desc() for name in ("key", "id") if name in columns]
    return statement.where(*older).order_by(*order).limit(most)


def _together(parts: _Parts, after: str | None, most: int) -> Any:
    """Return the newest of all parts. Each is limited by itself, so that its index is used.

    Their keys are ids of runs or decisions, which all sort by time.
    """
    limited = [_limited(part, after, most) for part in parts]
    if len(limited) == 1:
        return limited[0]
    whole = union(*(select(part.subquery()) for part in limited)).subquery()
    return _limited(select(whole), None, most)


# -- cursors ------------------------------------------------------------------------------------------------


def key_of(cursor: str) -> str:
    """Return the key of the index along which a part is read: that of a run, a request or a decision."""
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
