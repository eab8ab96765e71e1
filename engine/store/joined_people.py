"""People who are one human: what waits for one of them moves to the other, and both count together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import and_, bindparam, delete, exists, false, func, literal_column, or_, select, update

from engine.domain import PolicyKind, RequestState, Work
from engine.json_values import Value
from engine.store import absences, deliveries, digests, links, questions
from engine.store.connection import Connection
from engine.store.people_tables import AddressPeriodRow, LinkRow, PersonRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, RequestRow, RunRow, WorkflowRow

_person = PersonRow.__table__  # type: ignore[attr-defined]
_period = AddressPeriodRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_link = LinkRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]

_BY: Final[dict[str, Any]] = {"of": bindparam("of"), "now": bindparam("now")}
_MOVE_LINKS = Statement(
    update(_link).where(links.OF_WAITING, _link.c.person == _BY["of"]).values(person=bindparam("into"))
)
_WAITING = Statement(select(_approver.c.request).where(_approver.c.person == _BY["of"], _approver.c.pending))
_asked = _approver.alias("asked")
_MOVE_APPROVAL = Statement(
    update(_approver)
    .where(
        _approver.c.request == bindparam("held"),
        _approver.c.person == _BY["of"],
        _approver.c.pending,
        ~exists().where(_asked.c.request == _approver.c.request, _asked.c.person == bindparam("into")),
    )
    .values(person=bindparam("into"))
)
_DROP_APPROVAL = Statement(
    delete(_approver).where(
        _approver.c.request == bindparam("held"), _approver.c.person == _BY["of"], _approver.c.pending
    )
)
_COUNTED = Statement(
    select(_request.c.id, _request.c.run)
    .select_from(_request.join(_approver, _approver.c.request == _request.c.id))
    .where(
        _approver.c.person == _BY["of"],
        _request.c.state == RequestState.PENDING.value,
        or_(_request.c.policy != PolicyKind.ANY.value, _request.c.content_version > literal_column("1")),
    )
)
"""Open requests whose approvers are counted, where a person is one of them, whether they have approved or not.

They need several approvals, or a person changed the content, who may not approve it.
"""
_HAS_APPROVED = exists().where(
    _decision.c.request == bindparam("held"),
    _decision.c.person == _BY["of"],
    _decision.c.content_version == _request.c.content_version,
    _request.c.id == bindparam("held"),
)
_SETTLE_APPROVED = Statement(
    update(_approver)
    .where(_approver.c.request == bindparam("held"), _approver.c.person == bindparam("into"), _HAS_APPROVED)
    .values(pending=false())
)
_MOVE_COUNTED = Statement(
    update(_approver)
    .where(
        _approver.c.request == bindparam("held"),
        _approver.c.person == _BY["of"],
        ~exists().where(_asked.c.request == _approver.c.request, _asked.c.person == bindparam("into")),
    )
    .values(person=bindparam("into"))
)
_DROP_COUNTED = Statement(
    delete(_approver).where(_approver.c.request == bindparam("held"), _approver.c.person == _BY["of"])
)
_RECOUNT = Statement(
    update(_request)
    .where(_request.c.id == bindparam("held"))
    .values(rev=_request.c.rev + literal_column("1"), check_at=_BY["now"])
)
_JOIN_INTO = Statement(
    update(_person)
    .where(or_(_person.c.id == _BY["of"], _person.c.joined_into == _BY["of"]))
    .values(joined_into=bindparam("into"))
)
_had, _also_had = _period.alias("had"), _period.alias("also_had")
_SHARED = Statement(
    select(_person.c.id)
    .distinct()
    .select_from(
        _had.join(
            _also_had,
            and_(*(_also_had.c[name] == _had.c[name] for name in ("workspace", "kind", "value"))),
        ).join(_person, _person.c.id == _also_had.c.person)
    )
    .where(_had.c.person == _BY["of"], _person.c.joined_into == bindparam("into"))
)
"""Who had an address of one person, and turned out to be another one. No index leads from a person to them."""
_INTO = Statement(
    select(func.coalesce(_person.c.joined_into, _person.c.id).label("human")).where(_person.c.id == _BY["of"])
)
_HUMAN: Final = "human"
_PART = Statement(update(_person).where(_person.c.id == _BY["of"]).values(joined_into=None))
_old = _person.alias("old")
_MOVE_PREFERENCES = Statement(
    update(_person)
    .where(_person.c.id == bindparam("into"), _person.c.preferences.is_(None))
    .values(preferences=select(_old.c.preferences).where(_old.c.id == _BY["of"]).scalar_subquery())
)
_OWNED = Statement(select(_workflow.c.id).where(_workflow.c.owner == _BY["of"]))
_MOVE_WORKFLOW = Statement(
    update(_workflow)
    .where(_workflow.c.id == bindparam("held"), _workflow.c.owner == _BY["of"])
    .values(owner=bindparam("into"))
)
_STARTED = Statement(
    select(_run.c.id).where(
        _run.c.workspace == bindparam("in_workspace"), _run.c.requester == _BY["of"], _run.c.ended_at.is_(None)
    )
)
_MOVE_RUN = Statement(
    update(_run)
    .where(_run.c.id == bindparam("held"), _run.c.requester == _BY["of"], _run.c.ended_at.is_(None))
    .values(requester=bindparam("into"))
)
MOVES: Final = {"requests": _MOVE_APPROVAL, "workflows": _MOVE_WORKFLOW, "runs": _MOVE_RUN, **questions.MOVES}


def join(tx: Tx, workspace: str, person: str, *, into: str) -> dict[str, Value]:
    """Move what waits for a person without an account to the other person; decisions keep the person that they name."""
    tx.write(_MOVE_LINKS, {"of": person, "into": into})
    absences.move_absences(tx, person, into=into)
    tx.write(_MOVE_PREFERENCES, {"of": person, "into": into})
    runs = count_together(tx, workspace, person, into=into)
    moved: dict[str, Value] = {
        "requests": list(_WAITING.scalars(tx.connection, {"of": person})),
        "workflows": list(_OWNED.scalars(tx.connection, {"of": person})),
        **{
            name: list(open_.scalars(tx.connection, {"of": person})) for name, open_ in questions.OPEN_OF_PERSON.items()
        },
    }
    move(tx, moved, person, into=into)
    return {**{name: ids for name, ids in moved.items() if ids}, **runs}


def count_together(tx: Tx, workspace: str, person: str, *, into: str) -> dict[str, Value]:
    """Let both be one requester, and one approver of each request that needs several approvals. Return what moved.

    Otherwise one human could give two of the approvals, or approve what they started.
    """
    tx.write(_JOIN_INTO, {"of": person, "into": into})
    tx.memory.forget()
    digests.let_go_of_all(tx, person)
    for request, run in _COUNTED.all(tx.connection, {"of": person}):
        row = {"held": request, "of": person, "into": into}
        for statement in (_SETTLE_APPROVED, _MOVE_COUNTED, _DROP_COUNTED):
            tx.write(statement, row)
        tx.write(_RECOUNT, {"held": request, "now": tx.now})
        deliveries.mark_outdated(tx, run, request)
        tx.enqueue(Work("process_due", request))
    runs = list[Value](_STARTED.scalars(tx.connection, {"in_workspace": workspace, "of": person}))
    moved: dict[str, Value] = {"runs": runs} if runs else {}
    move(tx, moved, person, into=into)
    return moved


def move(tx: Tx, moved: dict[str, Value], person: str, *, into: str) -> None:
    """Move rows, named by the kind of what they are, to the other person."""
    for name, statement in MOVES.items():
        for row_id in cast("list[str]", moved.get(name, [])):
            tx.write(statement, {"held": row_id, "of": person, "into": into})
            if name == "requests":
                tx.write(_DROP_APPROVAL, {"held": row_id, "of": person})


def humans(connection: Connection, person: str) -> tuple[str, ...]:
    """Return the ids of a person and of all who turned out to be them. What joined had an address in common."""
    ids, added = {person: None}, [person]
    while added:
        shared = [row for known in added for row in _SHARED.scalars(connection, {"of": known, "into": person})]
        added = [*dict.fromkeys(joined for joined in shared if joined not in ids)]
        ids |= dict.fromkeys(added)
    return tuple(ids)


def load_joined(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return who those of these people really are that turned out to be another one, by their ids."""
    joined = select(_person.c.id, _person.c.joined_into).where(
        _person.c.id.in_(ids), _person.c.joined_into.is_not(None)
    )
    return {row.id: row.joined_into for row in connection.execute(joined).all()} if ids else {}


def load_all_joined(connection: Connection) -> dict[str, str]:
    """Return who all people really are that turned out to be another one, by their ids."""
    joined = select(_person.c.id, _person.c.joined_into).where(_person.c.joined_into.is_not(None))
    return {row.id: row.joined_into for row in connection.execute(joined).all()}


def is_one_human(tx: Tx, person: str, other: str) -> bool:
    """Return whether two persons are the same, or turned out to be."""
    return person == other or _human_of(tx, person) == _human_of(tx, other)


def _human_of(tx: Tx, person: str) -> str:
    """Return the id of the person that someone turned out to be, or their own."""
    key = (_HUMAN, person)
    human: str | None = tx.memory.get(key)
    if human is None:
        human = str(_INTO.scalars(tx.connection, {"of": person})[0])
        tx.memory.keep(key, human)
    return human


def part(tx: Tx, person: str) -> None:
    """Let a person count for themselves again."""
    tx.write(_PART, {"of": person})
    tx.memory.forget()
