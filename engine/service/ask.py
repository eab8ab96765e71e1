"""The command with which a program asks people."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine import audit, json_values, runs
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Person, RunStatus, Work
from engine.domain.asks import Ask, Asked, AskStatus, AskView, AskWorkflowMissing, IdempotencyConflict, InvalidAsk
from engine.domain.results import Refusal
from engine.runs import RunState
from engine.service import workflow_states
from engine.service.ask_validation import Scope, body_digest
from engine.service.context import CommandContext
from engine.store import ask_queries, ask_rows, callback_endpoints, opened_asks, people, run_rows, workflows
from engine.store.ask_rows import NewAsk
from engine.store.callback_endpoints import StoredEndpoint
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.workflows import CurrentWorkflow
from engine.worker import child_runs

_NO_ENDPOINT: Final = "is no endpoint of this API key: the operator of this Signoff can add it (signoff callbacks add)"
_EVIDENCE: Final = "It is the key of a program."


class CheckedAsk(Struct, frozen=True):
    """An ask that was checked. `scope`: what expressions read as `ask`. `body`: the digest of all that was sent."""

    command: Ask
    scope: Scope
    body: str

    @classmethod
    def of(cls, command: Ask, scope: Scope) -> CheckedAsk:
        """Return the ask with what expressions read."""
        return cls(command, scope, body_digest(command, scope))


def ask(
    context: CommandContext, tx: Tx, checked: CheckedAsk, resolved: Resolved, *, may_open_requests: bool = True
) -> tuple[Asked, AskView] | Refusal:
    """Save an ask and its run, and return it as its program sees it: the unit of `Engine.ask_with_view`.

    Without `may_open_requests`, the runner asks people later.
    """
    command = checked.command
    earlier = _find_earlier(tx, checked)
    if earlier is not None:
        return earlier if isinstance(earlier, Refusal) else (earlier, _read(tx, command, earlier.run))
    current = workflows.load_current_cached(tx, command.workspace, command.workflow)
    if current is None:
        return AskWorkflowMissing(workflow=command.workflow)
    stopped = workflow_states.refuse_start(tx, command.workspace, current, command.origin, command.actor)
    if stopped is not None:
        return stopped
    workflow = context.advancer.workflow(tx, current.id, current.version)
    if not workflow.is_asked:
        return AskWorkflowMissing(workflow=command.workflow, takes_none=True)
    endpoint, wanted = None, command.content.callback
    if wanted is not None:
        endpoint = callback_endpoints.find_own(tx.connection, command.actor, wanted)
        if endpoint is None:
            return InvalidAsk(errors={"callback": _NO_ENDPOINT})
    program = people.need_person(tx, command.workspace, command.actor, name=command.agent, evidence=_EVIDENCE)
    requester = _requester(context, tx, command, resolved) or program
    run = _new_run(tx, checked, current, requester)
    state = context.advancer.with_plans(tx, run, workflow)
    progress = runs.proceed(workflow, state, now=tx.now, may_run_effects=False, may_open_requests=may_open_requests)
    context.advancer.foresee(tx, run, progress, resolved)
    run_rows.insert_run(tx, run, progress, key=None, inputs=json_values.dumps(checked.scope))
    new = _row(run, checked, endpoint)
    status = ask_rows.insert_ask(tx, new, progress.ask)
    started = child_runs.started_entry(run, workflow, program)
    tx.audit(run.workspace, _entry(started, requester, program, checked.scope if progress.opening is None else {}))
    opened = context.advancer.follow(tx, run, progress, resolved)
    if progress.ready_at is not None and progress.ready_at <= tx.now:
        tx.enqueue(Work("advance", run.state.id))
    view = opened_asks.opened_view(new, run, checked.scope, progress, opened)
    return Asked(run=new.run, created=True, status=status), view or _read(tx, command, new.run)


def _read(tx: Tx, command: Ask, run: str) -> AskView:
    view = ask_queries.ask_view(tx.connection, command.workspace, command.actor, run)
    assert view is not None, "it was found or written just now"
    return view


def _requester(context: CommandContext, tx: Tx, command: Ask, resolved: Resolved) -> Person | None:
    """Return the person in whose name the program asks, if it does."""
    if command.acts_for is None:
        return None
    return Recipients(tx, context.advancer.directory, resolved).actor(command.workspace, command.acts_for)


def _find_earlier(tx: Tx, checked: CheckedAsk) -> Asked | IdempotencyConflict | None:
    """Return the ask that the program made with the same key or the same id of its own."""
    command = checked.command
    found = None
    if command.key is not None:
        found = ask_rows.find_by_key(tx.connection, command.workspace, command.actor, command.key)
    if found is None and command.content.external_id is not None:
        external_id = command.content.external_id
        found = ask_rows.find_by_external_id(tx.connection, command.workspace, command.actor, external_id)
    if found is None:
        return None
    if found.body != checked.body:
        return IdempotencyConflict(run=found.run)
    return Asked(run=found.run, created=False, status=AskStatus(found.status))


def _new_run(tx: Tx, checked: CheckedAsk, current: CurrentWorkflow, requester: Person) -> LoadedRun:
    state = RunState(
        id=tx.new_id(),
        status=RunStatus.RUNNING,
        cursor=0,
        inputs=checked.scope,
        requester=requester.handle,
        started_at=tx.now,
    )
    return LoadedRun(
        state=state,
        workspace=checked.command.workspace,
        workflow=current.id,
        workflow_name=current.name,
        version=current.version,
        requester=requester.id,
        owner=current.owner,
        owner_rule=current.owner_rule,
        origin=checked.command.origin,
        rev=1,
        wakes=0,
        ready_at=tx.now,
        lease_until=None,
    )


def _row(run: LoadedRun, checked: CheckedAsk, endpoint: StoredEndpoint | None) -> NewAsk:
    command, content = checked.command, checked.command.content
    return NewAsk(
        run=run.state.id,
        workspace=command.workspace,
        asker=command.actor,
        key=command.key,
        body=checked.body,
        external_id=content.external_id,
        use=content.use.value,
        callback=None if endpoint is None else endpoint.id,
        echo=None if content.echo is None else json_values.dumps(json_values.clean(content.echo)),
    )


def _entry(started: audit.Entry, requester: Person, program: Person, unasked: Scope) -> audit.Entry:
    """Return the entry about the start, with the person that the program asks for.

    `unasked`: what is asked, if no request says it.
    """
    more: Scope = {"arguments": unasked["arguments"]} if unasked else {}
    if requester.id != program.id:
        more |= {"acts_for": requester.id, "acts_for_name": requester.label}
    return replace(started, content={**started.content, **more})
