"""The workflows to which a person can limit a list: those of the requests that the parts of their inbox hold."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, or_, select, union

from engine.access import Reader
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.read_models import WorkflowName
from engine.store import joined_people, workflows
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, RequestRow, RunRow, WorkflowRow

LOOKED_AT: Final = 300
"""Maximum number of rows that are read for each reason to see a request: the latest ones."""

_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]


def _of_requests(latest: Select[Any]) -> Select[Any]:
    """Select the workflows of some requests. Each is looked up by its key, whatever a database thinks of its tables."""
    row = latest.limit(LOOKED_AT).subquery()
    run = select(_request.c.run).where(_request.c.id == row.c.request).correlate(row).scalar_subquery()
    workflow = select(_run.c.workflow).where(_run.c.id == run).correlate(row).scalar_subquery()
    return select(workflow.label("workflow")).select_from(row)


def _concerned(person: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a person started a run of a workflow, is asked in one, or decided in one."""
    started = select(_run.c.workflow).where(_run.c.requester == person).order_by(_run.c.id.desc()).limit(LOOKED_AT)
    asked = select(_approver.c.request).where(_approver.c.person == person, _approver.c.pending)
    decided = select(_decision.c.request).where(_decision.c.person == person).order_by(_decision.c.id.desc())
    whole = union(select(started.subquery().c.workflow), _of_requests(asked), _of_requests(decided)).subquery()
    concerned: ColumnElement[bool] = _workflow.c.id.in_(select(whole.c.workflow))
    return concerned


_OF_PERSON = Statement(
    select(_workflow.c.name, _workflow.c.title, _workflow.c.owner).where(
        _workflow.c.workspace == bindparam("workspace"),
        _workflow.c.name != OVERSIGHT_WORKFLOW,
        or_(_workflow.c.owner == bindparam("person"), _concerned(bindparam("person"))),
    )
)


def of_reader(connection: Connection, workspace: str, reader: Reader) -> list[WorkflowName]:
    """Return the workflows of which a person sees requests, by name. Admins and auditors see all.

    Of the others no one learns here that they exist. Beside more than `LOOKED_AT` later requests of other workflows, an
    old one may miss its workflow.
    """
    if reader.reads_everything:
        return workflows.workflow_names(connection, workspace)
    found = [
        row
        for person in joined_people.humans(connection, reader.person.id)
        for row in _OF_PERSON.all(connection, {"workspace": workspace, "person": person})
    ]
    return [
        WorkflowName(name=name, title=title, owner=owner)
        for name, title, owner in sorted({(row.name, row.title, row.owner) for row in found})
    ]
