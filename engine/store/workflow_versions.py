"""The history of workflows: their versions, and the states that people put them in."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, func, select, update

from engine.domain import Person
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.domain.workflow_commands import WorkflowState
from engine.store import people
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RunRow, WorkflowRow, WorkflowVersionRow
from engine.version_views import VersionView

_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]

_VERSIONS = Statement(
    select(*_version.c, _workflow.c.version.label("current"))
    .join(_workflow, _workflow.c.id == _version.c.workflow)
    .where(
        _workflow.c.workspace == bindparam("workspace"),
        _workflow.c.name == bindparam("name"),
        _workflow.c.name != OVERSIGHT_WORKFLOW,
    )
    .order_by(_version.c.version.desc())
)
_STATE = Statement(
    select(_workflow.c.state, _workflow.c.state_by, _workflow.c.state_at).where(_workflow.c.id == bindparam("workflow"))
)
_CHANGE = Statement(
    update(_workflow)
    .where(
        _workflow.c.id == bindparam("held"),
        _workflow.c.version == bindparam("seen"),
        _workflow.c.state == bindparam("seen_state"),
    )
    .values(state=bindparam("new_state"), state_by=bindparam("new_by"), state_at=bindparam("now"))
)
_OPEN_RUNS = Statement(
    select(func.count().label("runs"))
    .select_from(_run)
    .where(_run.c.workflow == bindparam("of_workflow"), _run.c.ended_at.is_(None), _run.c.lane.is_(None))
)


class StateOfWorkflow(Struct, frozen=True, kw_only=True):
    """The state of a workflow. `by`: who changed it last; None: no one did."""

    state: WorkflowState
    by: Person | None
    at: datetime | None


def version_views(connection: Connection, workspace: str, name: str) -> list[VersionView]:
    """Return the versions of a workflow, the newest first; none if there is no such workflow."""
    rows = _VERSIONS.all(connection, {"workspace": workspace, "name": name})
    persons = people.load_people(connection, [row.registered_by for row in rows])
    return [
        VersionView(
            workflow=name,
            version=row.version,
            source=bytes(row.source),
            hash=row.hash,
            registered_by=persons[row.registered_by],
            registered_at=row.registered_at,
            is_current=row.version == row.current,
        )
        for row in rows
    ]


def load_state(connection: Connection, workflow: str) -> StateOfWorkflow:
    """Return the state of a workflow, by its id."""
    row = _STATE.one(connection, {"workflow": workflow})
    assert row is not None
    by = people.load_people(connection, [row.state_by]).get(row.state_by) if row.state_by is not None else None
    return StateOfWorkflow(state=WorkflowState(row.state), by=by, at=row.state_at)


def try_change_state(
    tx: Tx, workflow: str, *, version: int, before: WorkflowState, after: WorkflowState, by: str
) -> bool:
    """Write the state of a workflow. Return False if it has another version or state by now."""
    tx.memory.forget()
    params = {
        "held": workflow,
        "seen": version,
        "seen_state": before.value,
        "new_state": after.value,
        "new_by": by,
        "now": tx.now,
    }
    return bool(tx.write(_CHANGE, params))


def count_open_runs(connection: Connection, workflow: str) -> int:
    """Return how many runs of a workflow have not ended."""
    row = _OPEN_RUNS.one(connection, {"of_workflow": workflow})
    return 0 if row is None else int(row.runs)
