"""How long people look at what they decide: their first views, and one narrow row for each decision.

A row is inserted and never changed, so that units of people who decide at once never wait for each other. What people
see is computed from their last rows, a bounded number along an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, func, insert, literal_column, select

from engine.domain import RequestState
from engine.oversight.attention import RECENT, Figures, TimedDecision, figures, is_hurried
from engine.read_models import RequestLook, RequestView
from engine.store import people
from engine.store.attention_tables import AttentionRow, RequestViewRow
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, DeliveryRow, RequestRow

MOST_SHARED: Final = 1000
"""Number of the last decisions of a workflow that the figures of its owner are about."""

_attention = AttentionRow.__table__  # type: ignore[attr-defined]
_view = RequestViewRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]

_NEW_VIEW = Statement(Upsert(_view, key=["request", "person"]))
_NEW = Statement(insert(_attention))
_UNSEEN = Statement(
    select(_approver.c.request)
    .join(_request, _request.c.id == _approver.c.request)
    .outerjoin(_view, (_view.c.request == _approver.c.request) & (_view.c.person == _approver.c.person))
    .where(
        _approver.c.request == bindparam("request"),
        _approver.c.person == bindparam("person"),
        _request.c.state == RequestState.PENDING.value,
        _view.c.first_at.is_(None),
    )
)
_BEFORE = Statement(
    select(
        select(_view.c.first_at)
        .where(_view.c.request == bindparam("request"), _view.c.person == bindparam("person"))
        .scalar_subquery()
        .label("viewed_at"),
        select(func.min(_delivery.c.shown_at))
        .where(
            _delivery.c.run == bindparam("run"),
            _delivery.c.request == bindparam("request"),
            _delivery.c.person == bindparam("person"),
        )
        .scalar_subquery()
        .label("told_at"),
        select(_decision.c.decided_at)
        .where(_decision.c.person == bindparam("person"))
        .order_by(_decision.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("previous_at"),
        select(_attention.c.in_a_row)
        .where(_attention.c.person == bindparam("person"))
        .order_by(_attention.c.decision.desc())
        .limit(1)
        .scalar_subquery()
        .label("in_a_row"),
    ).where(_request.c.id == bindparam("request"))
)
_DUE = Statement(
    select(_approver.c.person).where(
        _approver.c.request == bindparam("request"),
        _approver.c.pending,
        func.nullif(
            select(_attention.c.in_a_row)
            .where(_attention.c.person == _approver.c.person)
            .order_by(_attention.c.decision.desc())
            .limit(1)
            .scalar_subquery(),
            literal_column("0"),
        )
        % literal_column(str(RECENT))
        == literal_column("0"),
    )
)
_LOOKS = Statement(
    select(_attention)
    .where(_attention.c.person == bindparam("person"))
    .order_by(_attention.c.decision.desc())
    .limit(bindparam("limit"))
)
_OF_WORKFLOW = Statement(
    select(_attention)
    .where(_attention.c.workspace == bindparam("workspace"), _attention.c.workflow == bindparam("workflow"))
    .order_by(_attention.c.decision.desc())
    .limit(bindparam("limit"))
)


class Before(Struct, frozen=True):
    """What is known right before a decision: the person's view, when they were told, and what they decided last."""

    viewed_at: datetime | None
    told_at: datetime | None
    previous_at: datetime | None
    in_a_row: int


def is_unseen(connection: Connection, request: str, person: str) -> bool:
    """Return whether this person may decide a waiting request, and no view of theirs is known."""
    return _UNSEEN.one(connection, {"request": request, "person": person}) is not None


def looks(connection: Connection, requests: Sequence[str]) -> dict[str, tuple[RequestLook, ...]]:
    """Return who is known to have seen each of these requests, in the order in which they did."""
    chosen = select(_view).where(_view.c.request.in_(requests)).order_by(_view.c.first_at, _view.c.person)
    rows = connection.execute(chosen).all() if requests else []
    persons = people.load_people(connection, {row.person for row in rows})
    found: dict[str, tuple[RequestLook, ...]] = {}
    for row in rows:
        look = RequestLook(person=persons[row.person], first_at=row.first_at, surface=row.surface)
        found[row.request] = (*found.get(row.request, ()), look)
    return found


def save_view(tx: Tx, request: str, person: str, surface: str) -> None:
    """Write when a person first had a request before them. A view that is known already stays."""
    tx.write(_NEW_VIEW, {"request": request, "person": person, "first_at": tx.now, "surface": surface})


def load_before(tx: Tx, run: str, request: str, person: str) -> Before:
    """Return what is known right before a person decides a request."""
    row = tx.one(_BEFORE, {"run": run, "request": request, "person": person})
    assert row is not None
    return Before(row.viewed_at, row.told_at, row.previous_at, row.in_a_row or 0)


def save(tx: Tx, look: TimedDecision, *, decision: str, workspace: str, workflow: str) -> None:
    """Write how long a person looked at what they decided."""
    tx.write(
        _NEW,
        {
            "decision": decision,
            "workspace": workspace,
            "workflow": workflow,
            "person": look.person,
            "milliseconds": None if look.seconds is None else round(look.seconds * 1000),
            "is_exact": look.is_exact,
            "is_approval": look.is_approval,
            "is_changed": look.is_changed,
            "in_a_row": look.in_a_row,
        },
    )


def figures_of(connection: Connection, person: str) -> Figures:
    """Return the figures of a person's last decisions."""
    return figures([*map(_look, _LOOKS.all(connection, {"person": person, "limit": RECENT}))])


def with_hurried(connection: Connection, view: RequestView) -> RequestView:
    """Return a request with the figures of the approvers whose card says one thing more, while it waits."""
    found = _hurried(connection, view.id) if view.model.state is RequestState.PENDING else None
    return replace(view, hurried=found) if found else view


def _hurried(connection: Connection, request: str) -> dict[str, Figures]:
    """Return the figures of the approvers of a waiting request whose card says one thing more, by person.

    One row of each approver tells nearly always that there are none.
    """
    due = _DUE.scalars(connection, {"request": request})
    found = {person: figures_of(connection, person) for person in due}
    return {person: theirs for person, theirs in found.items() if is_hurried(theirs)}


def looks_of_workflow(connection: Connection, workspace: str, workflow: str) -> list[TimedDecision]:
    """Return the last decisions about a workflow, the newest first."""
    params = {"workspace": workspace, "workflow": workflow, "limit": MOST_SHARED}
    return [*map(_look, _OF_WORKFLOW.all(connection, params))]


def _look(row: Any) -> TimedDecision:
    return TimedDecision(
        person=row.person,
        seconds=None if row.milliseconds is None else row.milliseconds / 1000,
        is_exact=bool(row.is_exact),
        is_approval=bool(row.is_approval),
        is_changed=bool(row.is_changed),
        in_a_row=row.in_a_row,
    )
