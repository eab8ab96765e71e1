"""The pages of an inbox: which requests are in each part, in which order, and on which page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select

from engine.access import Reader
from engine.domain import RequestState
from engine.inbox import InboxFilter, InboxPage, InboxPart, InboxQuery
from engine.store import request_queries
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, RequestRow, RunRow, WorkflowRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_SEPARATOR: Final = "~"
_COUNT = Statement(
    select(func.count().label("waiting"))
    .select_from(_approver)
    .where(_approver.c.person == bindparam("of"), _approver.c.pending)
)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The requests of a page by id, in order, with the cursor of the page after it."""

    ids: Sequence[str]
    next: str | None


def inbox_page(connection: Connection, workspace: str, query: InboxQuery) -> InboxPage:
    """Return one page of a part of the reader's inbox."""
    person = query.reader.person.id
    keys = _load_keys(connection, workspace, query)
    views = request_queries.load_by_ids(connection, keys.ids)
    return InboxPage(requests=tuple(views), need_you=need_you(connection, person), next=keys.next)


def need_you(connection: Connection, person: str) -> int:
    """Return the number of requests that wait for a person."""
    return int(_COUNT.scalars(connection, {"of": person})[0])


def _load_keys(connection: Connection, workspace: str, query: InboxQuery) -> _Keys:
    if query.part is InboxPart.NEEDS_YOU:
        return _by_deadline(connection, workspace, query)
    order = _decision.c.id if query.part is InboxPart.DECIDED else _request.c.id
    statement = _of_part(query).where(_request.c.workspace == workspace, *_conditions(query.filter))
    if query.after is not None:
        statement = statement.where(order < query.after)
    rows = connection.execute(statement.order_by(order.desc()).limit(query.limit + 1)).all()
    shown = rows[: query.limit]
    return _Keys([row.id for row in shown], shown[-1].key if len(rows) > query.limit else None)


def _joined(key: ColumnElement[Any]) -> Select[Any]:
    together = _request.join(_run, _run.c.id == _request.c.run).join(_workflow, _workflow.c.id == _run.c.workflow)
    return select(_request.c.id, key.label("key")).select_from(together)


def _of_part(query: InboxQuery) -> Select[Any]:
    person = query.reader.person.id
    if query.part is InboxPart.DECIDED:
        return _joined(_decision.c.id).join(_decision, _decided_by(person))
    statement = _joined(_request.c.id)
    if query.part is InboxPart.WAITING:
        approved = exists().where(
            _approver.c.request == _request.c.id, _approver.c.person == person, ~_approver.c.pending
        )
        return statement.where(
            _request.c.state == RequestState.PENDING.value, or_(_run.c.requester == person, approved), ~_waits(person)
        )
    return statement.where(*_visible(query.reader))


def _decided_by(person: str) -> ColumnElement[bool]:
    """Return the condition of a person's latest decision on a request."""
    later = _decision.alias("later")
    newer = exists().where(
        later.c.request == _decision.c.request, later.c.person == _decision.c.person, later.c.id > _decision.c.id
    )
    return and_(_decision.c.request == _request.c.id, _decision.c.person == person, ~newer)


def _waits(person: str) -> ColumnElement[bool]:
    return exists().where(_approver.c.request == _request.c.id, _approver.c.person == person, _approver.c.pending)


def _visible(reader: Reader) -> list[ColumnElement[bool]]:
    """Return the conditions of the requests that a reader may see."""
    if reader.reads_everything:
        return []
    person = reader.person.id
    asked = exists().where(_approver.c.request == _request.c.id, _approver.c.person == person)
    return [or_(_workflow.c.owner == person, _run.c.requester == person, asked)]


def _conditions(wanted: InboxFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.workflow:
        conditions.append(_workflow.c.name == wanted.workflow)
    if wanted.person:
        decided = exists().where(_decision.c.request == _request.c.id, _decision.c.person == wanted.person)
        conditions.append(or_(_run.c.requester == wanted.person, decided))
    if wanted.state is not None:
        conditions.append(_request.c.state == wanted.state.value)
    if wanted.since is not None:
        conditions.append(_request.c.opened_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_request.c.opened_at < wanted.until)
    if wanted.search:
        conditions += [
            func.lower(_request.c.title).contains(word, autoescape=True) for word in wanted.search.casefold().split()
        ]
    return conditions


def _by_deadline(connection: Connection, workspace: str, query: InboxQuery) -> _Keys:
    """Return the requests that wait for the reader, those that expire first before the others."""
    statement = (
        _joined(_request.c.expires_at)
        .join(_approver, _approver.c.request == _request.c.id)
        .where(_approver.c.person == query.reader.person.id, _approver.c.pending, _request.c.workspace == workspace)
        .where(*_conditions(query.filter), *_after_deadline(query.after))
    )
    ordered = statement.order_by(_request.c.expires_at.is_(None), _request.c.expires_at, _request.c.id)
    rows = connection.execute(ordered.limit(query.limit + 1)).all()
    shown = rows[: query.limit]
    return _Keys([row.id for row in shown], _cursor(shown[-1]) if len(rows) > query.limit else None)


def _cursor(row: Any) -> str:
    return f"{row.key.isoformat() if row.key is not None else ''}{_SEPARATOR}{row.id}"


def _after_deadline(cursor: str | None) -> list[ColumnElement[bool]]:
    if cursor is None:
        return []
    text, _, request = cursor.partition(_SEPARATOR)
    without = and_(_request.c.expires_at.is_(None), _request.c.id > request)
    if not text:
        return [without]
    due = datetime.fromisoformat(text)
    later = or_(_request.c.expires_at > due, and_(_request.c.expires_at == due, _request.c.id > request))
    return [or_(later, _request.c.expires_at.is_(None))]
