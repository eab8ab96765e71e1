"""Opens oversight requests: runs in which Signoff itself asks people, and from which no effect can follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec.structs import replace

from engine import runs
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Resolved
from engine.domain import Origin, Person, RequestState, RunStatus
from engine.domain.oversight import About
from engine.json_values import Value
from engine.requests.oversight_request import OversightRequest
from engine.runs import Progress, RunState
from engine.store import oversight_rows, run_rows
from engine.store.oversight_rows import OversightRow
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.workflows import CurrentWorkflow
from engine.worker import child_runs, oversight_workflow, run_cancellation
from engine.workflowfile import Workflow


class RunUnits(Protocol):
    """What opening needs of `engine.worker.advance.Advancer`, which may open oversight requests itself."""

    def workflow(self, tx: Tx, workflow: str, number: int) -> Workflow: ...

    def foresee(self, tx: Tx, run: LoadedRun, progress: Progress, resolved: Resolved) -> None: ...

    def follow(self, tx: Tx, run: LoadedRun, progress: Progress, resolved: Resolved) -> object: ...


def open_oversight_request(advancer: RunUnits, tx: Tx, asked: OversightRequest, resolved: Resolved) -> str:
    """Ask people for Signoff itself, in this unit, and return the id of the run that waits for the answer.

    Raises `NeedsDirectory`, as every opening does.
    """
    current, asker = oversight_workflow.registered(tx, asked.workspace), oversight_workflow.asker(tx, asked.workspace)
    workflow = advancer.workflow(tx, current.id, current.version)
    run = _new_run(tx, asked, current, asker)
    progress = runs.proceed(workflow, run.state, now=tx.now, may_run_effects=False)
    assert progress.opening is not None
    # Signoff never decides itself, also where no person is left.
    barred = replace(asked, barred=(*asked.barred, asker.id))
    progress = replace(progress, opening=barred.opening(progress.opening))
    advancer.foresee(tx, run, progress, resolved)
    run_rows.insert_run(tx, run, progress, key=None, inputs="{}")
    oversight_rows.insert_row(tx, _row(run, asked))
    tx.audit(run.workspace, child_runs.started_entry(run, workflow, asker))
    tx.audit(
        run.workspace,
        entry(
            EntryKind.OVERSIGHT_OPENED,
            run=run.state.id,
            actor=asker,
            purpose=asked.purpose.value,
            about=dict(_about(asked.about)),
            barred=list[Value](asked.barred),
        ),
    )
    advancer.follow(tx, run, progress, resolved)
    return run.state.id


def withdraw(tx: Tx, run: str, *, reason: str) -> None:
    """Withdraw a request that people need not answer any more, unless it has ended. Its follower hears nothing."""
    loaded, row = run_rows.load_run(tx, run), oversight_rows.find(tx.connection, run)
    if loaded is None or row is None or not oversight_rows.try_end(tx, run, RequestState.CANCELLED):
        return
    asker = oversight_workflow.asker(tx, loaded.workspace)
    run_cancellation.ask_to_end(tx, loaded, asker, reason=reason, surface=None)
    state = RequestState.CANCELLED.value
    record = entry(
        EntryKind.OVERSIGHT_ENDED, run=run, request=row.request, actor=asker, purpose=row.purpose.value, state=state
    )
    tx.audit(loaded.workspace, record)


def _new_run(tx: Tx, asked: OversightRequest, current: CurrentWorkflow, asker: Person) -> LoadedRun:
    state = RunState(
        id=tx.new_id(), status=RunStatus.RUNNING, cursor=0, inputs={}, requester=asker.handle, started_at=tx.now
    )
    return LoadedRun(
        state=state,
        workspace=asked.workspace,
        workflow=current.id,
        workflow_name=current.name,
        version=current.version,
        requester=asker.id,
        owner=asked.owner or asker.id,
        origin=Origin(surface="signoff"),
        rev=1,
        wakes=0,
        ready_at=tx.now,
        lease_until=None,
    )


def _row(run: LoadedRun, asked: OversightRequest) -> OversightRow:
    return OversightRow(
        run=run.state.id,
        request=None,
        workspace=asked.workspace,
        purpose=asked.purpose,
        owner=asked.owner,
        about=asked.about,
        looks_like=asked.looks_like,
        facts=asked.facts,
        state=None,
    )


def _about(about: About) -> Mapping[str, Value]:
    named = {name: getattr(about, name) for name in ("run", "request", "workflow", "version", "step")}
    return {name: value for name, value in named.items() if value is not None}
