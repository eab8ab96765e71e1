"""The one door in: every start, decision, cancel and resume, from any surface, is one call of `Engine`.

Handlers parse, call, and answer: a `Refusal` is a value to be answered in a sentence, an exception is the world failing.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from engine import data, fields, gate, plan
from engine.advance import Advancer, wake
from engine.audit import Entry
from engine.data import Value
from engine.definition import Workflow
from engine.errors import Conflict
from engine.gate import Asked, Lapsed, Ruling, Unseen
from engine.model import (
    DEFAULT_WORKSPACE,
    Address,
    Cancel,
    Changed,
    Decide,
    Decided,
    Done,
    InvalidInputs,
    NotAllowed,
    NotFound,
    NotWaiting,
    Person,
    Refusal,
    Register,
    Registered,
    RequestState,
    Resume,
    RunStatus,
    Start,
    Started,
    Verdict,
    Work,
)
from engine.plan import RunState
from engine.store import deliveries, journal, people, reading, requests, runs, workflows
from engine.store.runs import HeldRun
from engine.store.tx import Connection, Tx
from engine.store.workflows import Registration
from engine.store.writer import SqliteFile
from engine.views import DeliveryView, Page, RequestView, RunView, StoryEntry, WorkflowView

T = TypeVar("T")
MAX_INPUTS: Final = 256_000
"""Characters of JSON that the inputs of a run may take together."""
_TRIES: Final = 5


class Engine:
    """Everything that can be asked of Signoff. `admins`: who may replace, cancel and resume what others own."""

    def __init__(self, store: SqliteFile, advancer: Advancer, *, admins: frozenset[Address] = frozenset()) -> None:
        self.store, self._advancer, self._admins = store, advancer, admins

    # -- commands --

    async def register(self, command: Register) -> Registered | Refusal:
        """Make these bytes the current version of the workflow that they name.

        Raises `DefinitionError` with everything that is wrong in them.
        """
        workflow = self._advancer.compiled(command.source)
        return await self._transact(lambda tx: self._register(tx, command, workflow))

    async def start(self, command: Start) -> Started | Refusal:
        """Start a run, and take it to its first request, effect or wait in the same transaction."""
        return await self._transact(lambda tx: self._start(tx, command))

    async def decide(self, command: Decide) -> Decided | Refusal:
        """Decide a request. When this returns `Decided`, the decision is on the disk and no other will ever count."""
        return await self._transact(lambda tx: self._decide(tx, command))

    async def cancel(self, command: Cancel) -> Done | Refusal:
        """End a run: its open request is withdrawn at once; a step under way is left to finish and is the last."""
        return await self._transact(lambda tx: self._cancel(tx, command))

    async def resume(self, command: Resume) -> Done | Refusal:
        """Answer for a step of unknown outcome."""
        return await self._transact(lambda tx: self._resume(tx, command))

    async def fire(self, request: str) -> None:
        """Do what time has brought to a request: tell the owner that nobody saw it, or let it expire."""
        await self._transact(lambda tx: self._fire(tx, request))

    async def _transact(self, unit: Callable[[Tx], T]) -> T:
        for _ in range(_TRIES):
            try:
                return await self.store.transact(unit)
            except Conflict as conflict:
                last = conflict
        raise last

    # -- reads --

    async def due(self, now: datetime, limit: int = 200) -> list[Work]:
        """Work that is ready, found by index: what makes the loss of any hint harmless."""

        def query(connection: Connection) -> list[Work]:
            found = {
                "advance": runs.due_runs(connection, now, limit),
                "deliver": deliveries.due_deliveries(connection, now, limit),
                "fire": requests.due_requests(connection, now, limit),
            }
            return [Work(kind, one) for kind, ids in found.items() for one in ids]  # type: ignore[arg-type]

        return await self.store.read(query)

    async def runs(self, page: Page, *, workspace: str = DEFAULT_WORKSPACE) -> list[RunView]:
        return await self.store.read(lambda connection: reading.run_views(connection, workspace, page))

    async def run(self, run: str) -> RunView | None:
        return await self.store.read(lambda connection: reading.run_view(connection, run))

    async def requests(
        self, page: Page, *, workspace: str = DEFAULT_WORKSPACE, person: str | None = None
    ) -> list[RequestView]:
        return await self.store.read(
            lambda connection: reading.request_views(connection, workspace, page, person=person)
        )

    async def requests_of_run(self, run: str) -> list[RequestView]:
        return await self.store.read(lambda connection: reading.requests_of_run(connection, run))

    async def request(self, request: str) -> RequestView | None:
        return await self.store.read(lambda connection: reading.request_view(connection, request))

    async def deliveries(self, *, run: str | None = None, request: str | None = None) -> list[DeliveryView]:
        return await self.store.read(lambda connection: reading.delivery_views(connection, run=run, request=request))

    async def workflow(self, name: str, *, workspace: str = DEFAULT_WORKSPACE) -> WorkflowView | NotFound:
        """The current version of a workflow."""
        found = await self.workflows(workspace=workspace)
        known = {one.name: one for one in found}
        if name in known:
            return known[name]
        close = difflib.get_close_matches(name, known, n=1)
        return NotFound(what="workflow", name=name, suggestion=close[0] if close else None)

    async def workflows(self, *, workspace: str = DEFAULT_WORKSPACE) -> list[WorkflowView]:
        return await self.store.read(lambda connection: reading.workflow_views(connection, workspace))

    async def story(self, run: str, *, after: int = 0) -> list[StoryEntry]:
        return await self.store.read(lambda connection: journal.story(connection, run, after))

    # -- units --

    def _register(self, tx: Tx, command: Register, workflow: Workflow) -> Registered | Refusal:
        actor = people.need_person(tx, command.workspace, command.actor)
        current = workflows.load_workflow(tx.connection, command.workspace, workflow.name)
        if current is not None and not self._may(actor, command.actor, current.owner):
            return NotAllowed(
                why=f"Only the owner of {workflow.name} or an admin may replace it. "
                "Register it under another name, or ask its owner."
            )
        if current is not None and current.source == command.source:
            return Registered(workflow=workflow.name, version=current.version, changed=False)
        owner = self._owner(tx, command, workflow, actor)
        registration = Registration(
            id=current.id if current else tx.new_id(),
            name=workflow.name,
            title=workflow.title,
            owner=owner.id,
            version=current.version + 1 if current else 1,
            source=command.source,
            hash=hashlib.sha256(command.source).hexdigest(),
            registered_by=actor.id,
            updated_at=tx.now,
        )
        if not workflows.save_version(tx, command.workspace, registration, replaces=current):
            raise Conflict(f"workflow {workflow.name} was replaced by somebody else")
        tx.audit(
            command.workspace,
            _entry(
                "workflow.registered",
                actor=actor,
                workflow=workflow.name,
                version=registration.version,
                hash=registration.hash,
                owner=owner.label,
                surface=command.origin.surface,
            ),
        )
        return Registered(workflow=workflow.name, version=registration.version, changed=True)

    def _owner(self, tx: Tx, command: Register, workflow: Workflow, actor: Person) -> Person:
        if workflow.owner is None:
            return actor
        return people.need_person(tx, command.workspace, Address("email", workflow.owner))

    def _start(self, tx: Tx, command: Start) -> Started | Refusal:
        if command.key is not None:
            earlier = runs.find_run_by_key(tx.connection, command.workspace, command.key)
            if earlier is not None:
                return Started(run=earlier, created=False)
        registration = workflows.load_workflow(tx.connection, command.workspace, command.workflow)
        if registration is None:
            return self._unknown_workflow(tx, command)
        workflow = self._advancer.compiled(registration.source)
        requester = people.need_person(tx, command.workspace, command.actor)
        if not _may_run(workflow, requester, registration.owner):
            return NotAllowed(why=f"You may not start {workflow.name}; it is for {', '.join(workflow.may_run)}.")
        inputs, errors = fields.validate_all(workflow.inputs, command.inputs)
        errors = errors or _too_large(inputs)
        if errors:
            return InvalidInputs(errors=errors)
        held = _new_run(tx, command, registration, requester, inputs)
        self._begin(tx, held, workflow, requester, key=command.key)
        return Started(run=held.state.id)

    def _unknown_workflow(self, tx: Tx, command: Start) -> NotFound:
        close = difflib.get_close_matches(
            command.workflow, workflows.load_names(tx.connection, command.workspace), n=1
        )
        return NotFound(what="workflow", name=command.workflow, suggestion=close[0] if close else None)

    def _begin(self, tx: Tx, held: HeldRun, workflow: Workflow, requester: Person, *, key: str | None) -> None:
        # No acting here: an effect is claimed by the runner that performs it.
        progress = plan.proceed(workflow, held.state, now=tx.now, acting=False)
        runs.insert_run(tx, held, progress, key=key)
        tx.audit(
            held.workspace,
            _entry(
                "run.started",
                run=held.state.id,
                actor=requester,
                workflow=workflow.name,
                version=held.version,
                hash=workflow.hash,
                inputs=dict(held.state.inputs),
                surface=held.origin.surface,
            ),
        )
        self._advancer.follow(tx, held, progress)
        if progress.ready_at is not None and progress.ready_at <= tx.now:
            tx.ring(Work("advance", held.state.id))

    def _decide(self, tx: Tx, command: Decide) -> Decided | Refusal:
        loaded = requests.load_asked(tx.connection, command.request)
        if loaded is None:
            return NotFound(what="request", name=command.request)
        asked, labels = loaded
        person = people.find_person(tx.connection, asked.workspace, command.actor)
        kind = self._advancer.kinds[asked.subject.uses]
        ruling = gate.decide(asked, command, kind=kind, person=person, now=tx.now)
        if isinstance(ruling, Refusal):
            return ruling
        record = _record(asked, command, ruling, labels)
        decision = requests.try_decide(tx, asked, command, ruling, record)
        if decision is None:
            raise Conflict(f"request {asked.id} was decided by somebody else")
        deliveries.want_update(tx, asked.id)
        wake(tx, asked.subject.run)
        tx.audit(asked.workspace, _decision_entry(asked, command, ruling, decision, record))
        return Decided(
            request=asked.id,
            run=asked.subject.run,
            decision=decision,
            state=ruling.state,
            edited=tuple(data.show_path(edit.path) for edit in ruling.edits),
        )

    def _cancel(self, tx: Tx, command: Cancel) -> Done | Refusal:
        held = runs.load_run(tx.connection, command.run)
        if held is None:
            return NotFound(what="run", name=command.run)
        actor = people.need_person(tx, held.workspace, command.actor)
        if not self._may(actor, command.actor, held.requester, held.owner):
            return NotAllowed(why="Only who started a run, the owner of its workflow, or an admin may cancel it.")
        record: dict[str, Value] = {"by": actor.id, "reason": command.reason}
        if not runs.try_cancel(tx, command.run, record):
            return NotWaiting(run=command.run, status=held.state.status)
        for request in requests.withdraw(tx, command.run, by=actor.id):
            deliveries.want_update(tx, request)
            tx.audit(held.workspace, _entry("request.withdrawn", run=command.run, request=request, actor=actor))
        tx.audit(
            held.workspace,
            _entry("run.cancel_asked", run=command.run, actor=actor, reason=command.reason, surface=command.origin.surface),
        )
        tx.ring(Work("advance", command.run))
        return Done(run=command.run)

    def _resume(self, tx: Tx, command: Resume) -> Done | Refusal:
        held = runs.load_run(tx.connection, command.run)
        if held is None:
            return NotFound(what="run", name=command.run)
        actor = people.need_person(tx, held.workspace, command.actor)
        if not self._may(actor, command.actor, held.owner):
            return NotAllowed(why="Only the owner of the workflow or an admin may say what became of a step.")
        if held.state.status is not RunStatus.NEEDS_ATTENTION or held.state.cancelled:
            return NotWaiting(run=command.run, status=held.state.status)
        workflow = self._advancer.workflow(tx, held)
        progress = plan.resume(workflow, held.state, command.answer, output=command.output, now=tx.now)
        if not runs.try_save_run(tx, held, progress):
            raise Conflict(f"run {command.run} was moved by somebody else")
        tx.audit(
            held.workspace,
            _entry("run.resumed", run=command.run, actor=actor, answer=command.answer.value, output=dict(command.output)),
        )
        self._advancer.follow(tx, held, progress)
        tx.ring(Work("advance", command.run))
        return Done(run=command.run)

    def _fire(self, tx: Tx, request: str) -> None:
        loaded = requests.load_asked(tx.connection, request)
        if loaded is None:
            return
        asked, _ = loaded
        match gate.due(asked, tx.now):
            case Unseen(expires_at):
                self._tell_unseen(tx, asked, expires_at)
            case Lapsed(state):
                self._lapse(tx, asked, state)
            case None:
                pass

    def _tell_unseen(self, tx: Tx, asked: Asked, expires_at: datetime | None) -> None:
        held = runs.load_run(tx.connection, asked.subject.run)
        assert held is not None
        if not requests.try_set_clocks(tx, asked, first_shown_at=None, told_unseen=True, expires_at=expires_at):
            raise Conflict(f"request {asked.id} changed meanwhile")
        self._advancer.alert(tx, held, topic="unseen", request=asked.id)
        tx.audit(asked.workspace, _entry("request.unseen", run=asked.subject.run, request=asked.id))

    def _lapse(self, tx: Tx, asked: Asked, state: RequestState) -> None:
        if not requests.try_lapse(tx, asked, state):
            raise Conflict(f"request {asked.id} was decided meanwhile")
        deliveries.want_update(tx, asked.id)
        wake(tx, asked.subject.run)
        tx.audit(
            asked.workspace,
            _entry(
                "request.expired",
                run=asked.subject.run,
                request=asked.id,
                step=asked.subject.step,
                becomes=state.value,
                on_expiry=asked.on_expiry.value,
            ),
        )

    def _may(self, actor: Person, address: Address, *owners: str) -> bool:
        return actor.id in owners or not self._admins.isdisjoint({address, *actor.addresses})


def _entry(
    kind: str,
    *,
    run: str | None = None,
    request: str | None = None,
    step: str | None = None,
    actor: Person | None = None,
    **content: Value,
) -> Entry:
    facts = {name: value for name, value in content.items() if value not in (None, {}, [])}
    if actor is not None:
        facts["actor_name"] = actor.label
    return Entry(kind=kind, run=run, request=request, step=step, actor=actor.id if actor else None, content=facts)


def _may_run(workflow: Workflow, requester: Person, owner: str) -> bool:
    if not workflow.may_run or requester.id == owner:
        return True
    allowed = {found.value for name in workflow.may_run if (found := gate.reference(name, rule=name))}
    return any(address.kind == "email" and address.value in allowed for address in requester.addresses)


def _too_large(inputs: Mapping[str, Value]) -> dict[str, str]:
    length = len(data.dumps(dict(inputs)))
    if length <= MAX_INPUTS:
        return {}
    return {"inputs": f"together they are {length:,} characters long; at most {MAX_INPUTS:,} are taken."}


def _new_run(
    tx: Tx, command: Start, registration: Registration, requester: Person, inputs: dict[str, Value]
) -> HeldRun:
    state = RunState(
        id=tx.new_id(),
        status=RunStatus.RUNNING,
        cursor=0,
        inputs=inputs,
        requester=requester.label,
        started_at=tx.now,
    )
    return HeldRun(
        state=state,
        workspace=command.workspace,
        workflow=registration.id,
        workflow_name=registration.name,
        version=registration.version,
        requester=requester.id,
        owner=registration.owner,
        origin=command.origin,
        rev=1,
        wakes=0,
        ready_at=tx.now,
        lease_until=None,
    )


def _record(asked: Asked, command: Decide, ruling: Ruling, labels: tuple[str, str]) -> dict[str, Value]:
    """What a decision says beside its columns: enough to read it when nothing else is left."""
    approve, reject = labels
    person = ruling.approver.person
    return {
        "verdict": approve if command.verdict is Verdict.APPROVE else reject,
        "person": {"id": person.id, "name": person.label, "addresses": [str(one) for one in person.addresses]},
        "rule": ruling.approver.rule,
        "acted_as": str(command.actor),
        "surface": command.origin.surface,
        "place": dict(command.origin.place),
        "opened_at": asked.opened_at.isoformat(),
        "shown_at": asked.first_shown_at.isoformat() if asked.first_shown_at else None,
    }


def _decision_entry(
    asked: Asked, command: Decide, ruling: Ruling, decision: str, record: Mapping[str, Value]
) -> Entry:
    content: dict[str, Value] = {
        **record,
        "decision": decision,
        "workflow": asked.subject.workflow,
        "workflow_hash": asked.subject.hash,
        "visit": asked.subject.visit,
        "content_version": asked.content_version,
        "shown_digest": asked.digest,
        "approved_digest": ruling.approved_digest,
        "assurance": command.assurance.value,
        "reason": ruling.reason,
        "edits": [edit.as_value() for edit in ruling.edits],
        "policy": "any",
    }
    return Entry(
        kind=f"request.{ruling.state}",
        run=asked.subject.run,
        request=asked.id,
        step=asked.subject.step,
        actor=ruling.approver.person.id,
        content={name: value for name, value in content.items() if value not in (None, [])},
    )
