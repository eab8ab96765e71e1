"""What waits for a person: as long as something does, they cannot be erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, select, union

from engine.domain import RequestState
from engine.store.api_key_tables import ApiKeyRow
from engine.store.connection import Connection
from engine.store.people_tables import AddressRow
from engine.store.tables import ApproverRow, DecisionRow, QuestionRow, RequestRow, RunRow, WorkflowRow

_address = AddressRow.__table__  # type: ignore[attr-defined]
_key = ApiKeyRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_question = QuestionRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]


class Obligations(Struct, frozen=True):
    """Waiting requests that a person is asked about, their open runs, and the names of their workflows and API keys.

    A key is a program's that acts for the person, or the person stands for the program.
    """

    waiting: tuple[str, ...]
    runs: tuple[str, ...]
    workflows: tuple[str, ...]
    keys: tuple[str, ...] = ()


def load(connection: Connection, workspace: str, ids: Sequence[str]) -> Obligations:
    """Return what waits for the person with these ids."""
    waiting = union(
        _pending(_approver.c.request, _approver.c.person.in_(ids) & _approver.c.pending),
        _pending(_decision.c.request, _decision.c.person.in_(ids)),
        _pending(_question.c.request, _question.c.asked_to.in_(ids) & _question.c.answered_at.is_(None)),
    )
    started = select(_run.c.id).where(
        _run.c.workspace == workspace, _run.c.requester.in_(ids), _run.c.ended_at.is_(None)
    )
    owned = select(_workflow.c.name).where(_workflow.c.workspace == workspace, _workflow.c.owner.in_(ids))
    emails = select(_address.c.value).where(
        _address.c.workspace == workspace, _address.c.kind == "email", _address.c.person.in_(ids)
    )
    used = select(_key.c.name).where(
        _key.c.workspace == workspace,
        _key.c.revoked_at.is_(None),
        _key.c.person.in_(ids) | _key.c.acts_for.in_(emails),
    )
    parts = (waiting, started, owned, used)
    return Obligations(*(tuple(sorted(connection.execute(part).scalars())) for part in parts))


def _pending(request: Any, condition: Any) -> Select[Any]:
    """Select the waiting requests that rows of a table are about."""
    joined = _request.join(request.table, request == _request.c.id)
    is_waiting = _request.c.state == RequestState.PENDING.value
    return select(_request.c.id).select_from(joined).where(condition, is_waiting)
