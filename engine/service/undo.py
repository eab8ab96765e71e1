"""The command that takes an approval back while its hold lasts. The rules are pure; the writes are conditional."""

from __future__ import annotations

from dataclasses import replace

from engine import timestamps
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    ApprovalUndone,
    Assurance,
    CannotUndo,
    NotFound,
    Person,
    Refusal,
    StepStatus,
    Undo,
    Work,
)
from engine.domain.people import ACCOUNT
from engine.errors import Conflict
from engine.references import Reference
from engine.requests import Request
from engine.requests import undo as rules
from engine.requests.undo import Late
from engine.service import assurance, decide
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.store import deliveries, people, request_rows, run_rows, undos
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.worker import plan_counts


def undo(context: CommandContext, tx: Tx, command: Undo, resolved: Resolved) -> ApprovalUndone | Refusal:
    """Take the approval back, before anything was done: the unit of `Engine.undo`."""
    request_rows.lock(tx, command.request)
    loaded = decide.load(context, tx, command.request, resolved)
    if loaded is None:
        return NotFound(what="request", name=command.request)
    request, run = loaded[0], run_rows.load_run(tx, loaded[0].subject.run)
    assert run is not None
    recipients = Recipients(tx, context.advancer.directory, resolved)
    if command.actor.kind == "email" and assurance.vouched(command):
        recipients.actor(request.workspace, command.actor)
    result = _undo_as_proven(recipients, tx, request, run, command, is_trial=context.is_trial)
    if isinstance(result, ApprovalUndone):
        plan_counts.undone(context.advancer, tx, request)
    return result


def _undo_as_proven(
    recipients: Recipients, tx: Tx, request: Request, run: LoadedRun, command: Undo, *, is_trial: bool
) -> ApprovalUndone | Refusal:
    allowed = _allowed(tx, request, run)
    proof = assurance.prove(tx, request, command, persons=allowed)
    if isinstance(proof, Refusal):
        return proof
    proven = replace(
        command, actor=proof.actor(command.actor), assurance=Assurance.SSO if is_trial else proof.assurance
    )
    refusal = rules.check(request, proven, proof.person, allowed, late=_late(request, run))
    if refusal is not None:
        return refusal
    assert proof.person is not None
    if not _is_active(recipients, proof.person):
        return CannotUndo(why="inactive")
    _save(tx, request, run, proven, proof, proof.person)
    return ApprovalUndone(request=request.id, run=run.state.id)


def _allowed(tx: Tx, request: Request, run: LoadedRun) -> list[Person]:
    """Return the people whose approval counted, and the owner of the workflow."""
    ids = dict.fromkeys([*undos.load_approved_by(tx.connection, request), run.owner])
    persons = people.load_people_cached(tx, [*ids])
    return [persons[person] for person in ids]


def _late(request: Request, run: LoadedRun) -> Late | None:
    """Return why the run does not wait for the end of the hold any more, or None if it does."""
    review, visit = run.state.review, run.state.visits.get(request.subject.step)
    is_current = review is not None and review.request == request.id
    is_stopped = visit is not None and visit.visit == request.subject.visit and visit.status is StepStatus.STOPPED
    if run.state.cancelled and (is_current or is_stopped):
        return "cancelled"
    return None if is_current else "over"


def _is_active(recipients: Recipients, person: Person) -> bool:
    """Return whether the account of the person is active. If the directory does not answer, it counts as active."""
    if person.account is None:
        return True
    own = Reference(ACCOUNT, person.account.value, str(person.account))
    return all(answer.unanswered or answer.people for answer in recipients.answers([own]).values())


def _save(tx: Tx, request: Request, run: LoadedRun, command: Undo, proof: Proof, person: Person) -> None:
    """Write the undo and wake the run, if both are still as loaded. Raises `Conflict` if the run has gone on."""
    if not undos.try_undo(tx, request, person, run_rev=run.rev):
        raise Conflict(f"the run of request {request.id} went on meanwhile")
    deliveries.mark_outdated(tx, run.state.id, request.id, closes=True)
    assert request.hold_ends_at is not None
    record = entry(
        EntryKind.REQUEST_UNDONE,
        run=run.state.id,
        request=request.id,
        step=request.subject.step,
        actor=person,
        assurance=command.assurance,
        acted_as=proof.acted_as or str(command.actor),
        surface=command.origin.surface,
        hold_ends_at=timestamps.iso(request.hold_ends_at),
    )
    tx.audit(request.workspace, record)
    tx.enqueue(Work("advance", run.state.id))
