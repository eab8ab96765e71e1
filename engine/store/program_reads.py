"""What a program reads with its API key: what it asked and started itself, and all of its workflows if the key says so.

Each reason to see a run is read along an index, and no further than a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, select

from engine.domain import Address, DeliveryKind
from engine.domain.api_keys import ApiAction, ApiPrincipal, may
from engine.read_models import PageQuery, RequestView, RunView
from engine.store import people, request_queries, run_queries, workflows
from engine.store.ask_tables import AskRow
from engine.store.connection import Connection
from engine.store.pages import paged
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow, RequestRow, RunRow, WorkflowRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_ask = AskRow.__table__  # type: ignore[attr-defined]

_IDS: Final = 50
"""Number of ids in one statement of `revs`; fewer are filled up, so that the statement is the same."""
_REVS: Final = Statement(
    select(_ask.c.run, _ask.c.rev).where(_ask.c.run.in_([bindparam(f"id{at}") for at in range(_IDS)]))
)


def asker(address: Address) -> str:
    """Return the text by which the row of an ask names its program."""
    return f"{address.kind}:{address.value}"


def reads_all(principal: ApiPrincipal) -> bool:
    """Return whether a key reads every workflow."""
    return ApiAction.READ in principal.actions and principal.workflows is None


def readable_workflows(connection: Connection, workspace: str, principal: ApiPrincipal) -> list[str]:
    """Return the names of the workflows of which a key reads everything."""
    names = (known.name for known in workflows.workflow_names(connection, workspace))
    return [name for name in names if may(principal, ApiAction.READ, name)]


def runs(connection: Connection, workspace: str, principal: ApiPrincipal, page: PageQuery) -> list[RunView]:
    """Return a page of the runs that a key reads, the newest first, without their steps."""
    if reads_all(principal):
        return run_queries.run_views(connection, workspace, page)
    found = set[str]()
    for condition in _reasons(connection, workspace, principal):
        runs = select(_run.c.id).where(_run.c.lane.is_(None), condition)
        found.update(_ids(connection, paged(runs, page, workspace, _run.c.id, _run.c.ended_at.is_(None))))
    return run_queries.runs_by_ids(connection, sorted(found, reverse=True)[: page.limit])


def requests(connection: Connection, workspace: str, principal: ApiPrincipal, page: PageQuery) -> list[RequestView]:
    """Return a page of the requests that a key reads, the newest first."""
    if reads_all(principal):
        return request_queries.request_views(connection, workspace, page)
    found = set[str]()
    for condition in _reasons(connection, workspace, principal):
        requests = select(_request.c.id).join(_run, _run.c.id == _request.c.run).where(condition)
        is_open = _request.c.state == "pending"
        found.update(_ids(connection, paged(requests, page, workspace, _request.c.id, is_open)))
    newest = sorted(found, reverse=True)[: page.limit]
    by_id = {view.id: view for view in request_queries.load_by_ids(connection, newest)}
    return [by_id[request] for request in newest]


def is_own(connection: Connection, principal: ApiPrincipal, run: RunView) -> bool:
    """Return whether a program asked or started this run itself."""
    if principal.address in run.requester.addresses or run.origin.place.get("key") == principal.id:
        return True
    asked = select(_ask.c.run).where(_ask.c.run == run.id, _ask.c.asker == asker(principal.address))
    return connection.execute(asked).first() is not None


def run_of_callback(connection: Connection, delivery: str) -> str | None:
    """Return the run whose ask a callback tells of, or None if there is no such callback."""
    found = select(_delivery.c.run).where(_delivery.c.id == delivery, _delivery.c.kind == DeliveryKind.CALLBACK.value)
    return connection.execute(found).scalar()


def _reasons(connection: Connection, workspace: str, principal: ApiPrincipal) -> Iterator[ColumnElement[bool]]:
    """Yield a condition for each reason to read a run."""
    program = people.find_person(connection, workspace, principal.address)
    if program is not None:
        yield _run.c.requester == program.id
    by = asker(principal.address)
    yield _run.c.id.in_(select(_ask.c.run).where(_ask.c.workspace == workspace, _ask.c.asker == by))
    for name in readable_workflows(connection, workspace, principal):
        of_name = select(_workflow.c.id).where(_workflow.c.workspace == workspace, _workflow.c.name == name)
        yield _run.c.workflow == of_name.scalar_subquery()


def _ids(connection: Connection, statement: Select[Any]) -> list[str]:
    return list(connection.execute(statement).scalars())


def revs(connection: Connection, asks: Sequence[str]) -> dict[str, int]:
    """Return the present `rev` of each of these asks."""
    found: dict[str, int] = {}
    for start in range(0, len(asks), _IDS):
        some = [*asks[start : start + _IDS]]
        some += some[-1:] * (_IDS - len(some))
        rows = _REVS.all(connection, {f"id{at}": ask for at, ask in enumerate(some)})
        found.update({row.run: row.rev for row in rows})
    return found
