"""Inserts the run that a step of another run starts: a child run, or a lane of a foreach."""

from __future__ import annotations

from engine import json_values
from engine.domain import Origin, RunStatus, Work
from engine.json_values import Value
from engine.runs import LanesOrder, Progress, RunOrder, RunState
from engine.store import run_rows
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.workflows import CurrentWorkflow


def insert(
    tx: Tx,
    parent: LoadedRun,
    order: RunOrder | LanesOrder,
    *,
    inputs: dict[str, Value],
    cursor: int = 0,
    lane: int | None = None,
    workflow: CurrentWorkflow | None = None,
) -> LoadedRun:
    """Insert a run that begins at `cursor`, and announce it.

    `workflow`: what it runs, or None for that of its parent. `lane`: its number, if it is a lane.
    """
    run = LoadedRun(
        state=RunState(
            id=tx.new_id(),
            status=RunStatus.RUNNING,
            cursor=cursor,
            inputs=inputs,
            requester=parent.state.requester,
            started_at=tx.now,
        ),
        workspace=parent.workspace,
        workflow=parent.workflow if workflow is None else workflow.id,
        workflow_name=parent.workflow_name if workflow is None else workflow.name,
        version=parent.version if workflow is None else workflow.version,
        requester=parent.requester,
        owner=parent.owner if workflow is None else workflow.owner,
        origin=Origin(surface="run"),
        rev=1,
        wakes=0,
        ready_at=tx.now,
        lease_until=None,
        parent=parent.state.id,
    )
    run_rows.insert_run(
        tx, run, _not_begun(tx, cursor), key=None, inputs=json_values.dumps(inputs), order=order, lane=lane
    )
    tx.enqueue(Work("advance", run.state.id))
    return run


def _not_begun(tx: Tx, cursor: int) -> Progress:
    return Progress(
        status=RunStatus.RUNNING,
        cursor=cursor,
        visits=(),
        opening=None,
        effect=None,
        ready_at=tx.now,
        error=None,
        events=(),
    )
