"""Units of work that move runs: load, ask the state machine, save. Each is one transaction and may run twice.

The service calls `start`, `decide`, `cancel`, `resume` and `process_due`; the runner calls `advance` and `record`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from engine import runs, workflowfile
from engine.audit import Entry
from engine.audit_entries import EntryKind, entry
from engine.delivery import routing
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Approver, DeliveryKind, RunStatus, SecretName, StepStatus, Work
from engine.errors import Conflict, StepError
from engine.json_values import Value
from engine.ports import Directory, Secrets
from engine.requests import Opening
from engine.runs import Effect, Outcome, Progress, RunState, Visit
from engine.store import deliveries, people, request_model, request_rows, run_rows, workflows
from engine.store.deliveries import NewDelivery
from engine.store.run_rows import LoadedRun, RunOwner
from engine.store.transaction import Tx
from engine.workflowfile import Workflow
from engine.workflowfile.step_kinds import StepKind

_TOLD: Final = frozenset({RunStatus.FAILED, RunStatus.NEEDS_ATTENTION, RunStatus.EXPIRED})
"""Where a run stands of which its owner hears."""
_WENT_WRONG: Final = {StepStatus.FAILED: "approved_failed", StepStatus.OUTCOME_UNKNOWN: "approved_unknown"}
"""What becomes of a step, and the topic by which whoever approved it hears of it."""
_COMPILED: Final = 256
"""Versions of workflows kept compiled; they are immutable, so a cache can only be cold, never wrong."""


@dataclass(frozen=True, slots=True)
class ClaimedEffect:
    """An effect to perform, and the fence under which its outcome may be recorded."""

    run: str
    rev: int
    effect: Effect


class Advancer:
    """The units. `kinds`: step types by name. `directory`: where people can be reached. `secrets`: which are set."""

    def __init__(self, *, kinds: Mapping[str, StepKind], directory: Directory, secrets: Secrets) -> None:
        self.kinds, self.directory, self.secrets = kinds, directory, secrets
        self._pinned_source: Callable[[bytes], Workflow] = lru_cache(_COMPILED)(
            lambda source: workflowfile.load(source, kinds=kinds, registered=True)
        )
        self._versions: dict[tuple[str, int], Workflow] = {}

    def workflow(self, tx: Tx, workflow: str, number: int) -> Workflow:
        """Version `number` of a workflow: of a run, the very one that it started with."""
        version = workflow, number
        known = self._versions.get(version)
        if known is None:
            if len(self._versions) >= _COMPILED:
                self._versions.clear()
            known = self._versions[version] = self._pinned_source(workflows.load_source(tx.connection, *version))
        return known

    def compiled(self, source: bytes) -> Workflow:
        """The workflow of these bytes, which somebody wants to register. Raises `DefinitionError`."""
        return workflowfile.load(source, kinds=self.kinds)

    # -- the runner's units --

    def advance(self, tx: Tx, run: str, resolved: Resolved) -> ClaimedEffect | None:
        """Take the run as far as it goes without acting on the world. An effect comes back claimed."""
        held = run_rows.load_run(tx, run)
        if held is None or not held.claimable(tx.now):
            return None
        return self._save(tx, held, runs.proceed(*self._pinned(tx, held), now=tx.now), resolved)

    def record(
        self, tx: Tx, claimed: ClaimedEffect, outcome: Outcome, resolved: Resolved, *, may_open_requests: bool = True
    ) -> ClaimedEffect | None:
        """Put in what an effect came to, and go on. Dropped if somebody else took the run over meanwhile.

        Not `may_open_requests`: the next request is left for a later walk to open.
        """
        held = run_rows.load_run(tx, claimed.run)
        if held is None or held.rev != claimed.rev:
            return None
        progress = runs.record(*self._pinned(tx, held), outcome, now=tx.now, may_open_requests=may_open_requests)
        return self._save(tx, held, progress, resolved)

    def _pinned(self, tx: Tx, held: LoadedRun) -> tuple[Workflow, RunState]:
        workflow = self.workflow(tx, held.workflow, held.version)
        return workflow, self.informed(tx, held, workflow)

    def informed(self, tx: Tx, held: LoadedRun, workflow: Workflow) -> RunState:
        """The state of a run, with what was decided in it if the workflow reads that."""
        if not workflow.reads_decisions:
            return held.state
        return replace(held.state, decisions=request_model.load_decisions(tx.connection, held.state.id))

    def _save(self, tx: Tx, held: LoadedRun, progress: Progress, resolved: Resolved) -> ClaimedEffect | None:
        self.foresee(tx, held, progress, resolved)
        if not run_rows.try_save_run(tx, held, progress):
            raise Conflict(f"run {held.state.id} was moved by somebody else")
        self.follow(tx, held, progress, resolved)
        return ClaimedEffect(held.state.id, held.rev + 1, progress.effect) if progress.effect else None

    def tell_stuck(self, tx: Tx, run: str, reason: str) -> None:
        """Tell the owner that this server cannot move a run, of which nothing else may be readable."""
        place = run_rows.load_owner(tx.connection, run)
        self.alert(tx, place, topic="stuck")
        record = entry(EntryKind.RUN_STUCK, run=run, content={"error": reason})
        tx.audit(place.workspace, record)

    # -- what follows from a progress --

    def foresee(self, tx: Tx, held: LoadedRun, progress: Progress, resolved: Resolved) -> None:
        """Raise `NeedsDirectory` before anything is written: then nothing of the group has to be undone."""
        if progress.opening is not None:
            opening = progress.opening
            Recipients(tx, self.directory, resolved).foresee(held, opening.references, opening.accounts)

    def follow(
        self, tx: Tx, held: LoadedRun, progress: Progress, resolved: Resolved, *, stopped_by: str | None = None
    ) -> None:
        """Write the request, the alerts and the audit entries that a progress brings.

        `stopped_by`: the person who ended the run instead of finding out what became of a step. They need not be told,
        and of the step no more is known than before.
        """
        for event in progress.events:
            tx.audit(
                held.workspace,
                entry(event.kind, run=held.state.id, step=event.step, content=event.content),
            )
        if progress.opening is not None:
            self._open(tx, held, progress.opening, resolved)
        alert = None
        if stopped_by == held.owner:
            pass
        elif progress.status in _TOLD or (progress.error and progress.status is RunStatus.CANCELLED):
            alert = self.alert(tx, held.place, topic=progress.status.value)
        told = progress.status.ended and self._tell_requester(tx, held, alert)
        for visit in progress.visits:
            approver = self._follow_approval(tx, held, visit)
            knows = (held.owner, *([held.requester] if told else []))
            # Of a step that a person stopped, the alert that its outcome is unknown says how that was answered.
            if approver is not None and stopped_by is None and approver[1] not in knows:
                self._tell_approver(tx, held, visit, *approver)

    def _follow_approval(self, tx: Tx, held: LoadedRun, visit: Visit) -> tuple[str, str] | None:
        """Have the copies of what was approved say what became of it.

        Returns the request and its approver where it went wrong, for they have to hear of it.
        """
        before = held.state.visits.get(visit.step)
        failed = visit.status in _WENT_WRONG
        if not failed and (before is None or before.status not in _WENT_WRONG):
            return None
        approval = request_model.load_approval(tx.connection, run=held.state.id, step=visit.step, visit=visit.visit)
        if approval is None:
            return None
        deliveries.mark_outdated(tx, held.state.id, approval[0])
        return approval if failed else None

    def _tell_approver(self, tx: Tx, held: LoadedRun, visit: Visit, request: str, approver: str) -> None:
        person = people.known_people(tx, [approver])[approver]
        topic = _WENT_WRONG[visit.status]
        told = routing.alert(self.directory, held.state.id, person, topic=topic, request=request)
        deliveries.insert_deliveries(tx, held.workspace, [told])

    def _tell_requester(self, tx: Tx, held: LoadedRun, alert: NewDelivery | None) -> bool:
        """Whoever started the run hears how it ended, where they started it; whether they do, also by the `alert`."""
        if held.origin.surface == "terminal" or not held.origin.place:
            return False
        requester = people.known_people(tx, [held.requester])[held.requester]
        route = self.directory.back(held.origin, requester)
        if route is None:
            return False
        if alert is not None and alert.person.id == requester.id and alert.route == route:
            return True
        copy = NewDelivery(kind=DeliveryKind.OUTCOME, run=held.state.id, person=requester, route=route)
        deliveries.insert_deliveries(tx, held.workspace, [copy])
        return True

    def alert(self, tx: Tx, place: RunOwner, *, topic: str, request: str | None = None) -> NewDelivery:
        """Tell the owner of the workflow, wherever the owner can be reached."""
        return routing.tell_owner(tx, self.directory, place, topic=topic, request=request)

    def _open(self, tx: Tx, held: LoadedRun, opening: Opening, resolved: Resolved) -> None:
        request, notes = tx.new_id(), list(opening.notes)
        notes += self._missing_secrets(opening)
        approvers, missing = Recipients(tx, self.directory, resolved).approvers(held, opening.references)
        notes += missing
        if not approvers:
            owner = people.known_people(tx, [held.owner])[held.owner]
            approvers = [Approver(owner, "owner, because the gate named nobody who can be asked")]
            notes.append("The gate named nobody who can be asked, so the owner of the workflow is.")
        copies, more_ways = routing.open_copies(
            self.directory, opening.email, run=held.state.id, request=request, approvers=approvers
        )
        request_rows.insert_request(
            tx,
            opening,
            request=request,
            workspace=held.workspace,
            approvers=approvers,
            notes=notes,
            deadlines=opening.deadlines(tx.now, falls_back=more_ways),
        )
        deliveries.insert_deliveries(tx, held.workspace, copies)
        tx.audit(held.workspace, _opened(held, request, opening, approvers, notes))
        if not any(copy.route for copy in copies):
            self.alert(tx, held.place, topic="unreachable", request=request)

    def _missing_secrets(self, opening: Opening) -> list[str]:
        """Said before somebody approves what is bound to fail."""
        names = {
            part.name for parts in opening.content.secrets.values() for part in parts if isinstance(part, SecretName)
        }
        missing = []
        for name in sorted(names):
            try:
                self.secrets.read(name)
            except StepError as error:
                missing.append(str(error))
        return missing


def _opened(
    held: LoadedRun, request: str, opening: Opening, approvers: Sequence[Approver], notes: Sequence[str]
) -> Entry:
    content: dict[str, Value] = {
        "title": opening.title,
        "workflow": opening.subject.workflow,
        "workflow_version": held.version,
        "workflow_hash": opening.subject.hash,
        "at": opening.subject.at,
        "visit": opening.subject.visit,
        "content": opening.content.as_value(),
        "digest": opening.digest,
        "approvers": [{"person": one.person.id, "name": one.person.label, "rule": one.rule} for one in approvers],
    }
    if opening.reason:
        content["reason"] = opening.reason
    if notes:
        content["notes"] = list[Value](notes)
    return entry(
        EntryKind.REQUEST_OPENED,
        run=held.state.id,
        request=request,
        step=opening.subject.step,
        content=content,
    )


def wake(tx: Tx, run: str) -> None:
    """Have the run advanced soon, whatever is going on with it now."""
    run_rows.wake(tx, run)
    tx.enqueue(Work("advance", run))
