"""The unit of work that processes a due deadline of a request."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from engine.audit_entries import EntryKind, entry
from engine.delivery import account_holders, digests, reminders, routing
from engine.delivery.recipients import NeedsDirectory, Recipients, Resolved
from engine.delivery.results import record_clocks
from engine.delivery.routing import Routing
from engine.domain import Approver, RequestState
from engine.domain.people import ESCALATION, FIRST_GROUP
from engine.errors import Conflict
from engine.json_values import Value
from engine.references import OWNER, Reference
from engine.requests import Deadlines, NoResponse, NotDelivered, Overdue, PastDue, Request, Unanswered, separation
from engine.requests.separation import OWNER_INSTEAD
from engine.service import absence, eligibility, erase, hand_on, later_reviews, oversight_requests, plan_stages
from engine.service.context import CommandContext
from engine.store import (
    deliveries,
    log_followers,
    people,
    request_model,
    request_rows,
    retention,
    run_rows,
    sampling_plans,
)
from engine.store.port import Tx
from engine.worker import undecided_draws
from engine.worker.advance import wake


def process_due(context: CommandContext, tx: Tx, request_id: str, resolved: Resolved) -> None:
    """Process the first deadline of a request that is due, an absence with this id that begins, the search, the
    retention, or a sampling plan.

    The unit of `Engine.process_due`.
    """
    if request_id.startswith(log_followers.WORK):
        log_followers.follow_log(tx, request_id.removeprefix(log_followers.WORK))
        return
    if request_id.startswith(sampling_plans.WORK):
        plan_stages.process_due(context, tx, request_id.removeprefix(sampling_plans.WORK), resolved)
        return
    if request_id.startswith(sampling_plans.LATER_WORK):
        later_reviews.process_due(context, tx, request_id.removeprefix(sampling_plans.LATER_WORK), resolved)
        return
    if request_id.startswith(retention.WORK):
        erase.keep_to_retention(context, tx, request_id.removeprefix(retention.WORK), resolved)
        return
    loaded = request_model.load_request(tx, request_id)
    if loaded is None:
        absence.begin(context, tx, request_id)
    elif loaded[0].state is RequestState.PENDING:
        _process_request(context, tx, loaded[0], resolved)


def _process_request(context: CommandContext, tx: Tx, request: Request, resolved: Resolved) -> None:
    recipients = Recipients(tx, context.advancer.directory, resolved)
    match request.deadlines.due(tx.now):
        case NoResponse():
            _ask_another_way(context, tx, _without_leavers(context, tx, request, recipients))
        case NotDelivered():
            _notify_owner(context, tx, request)
        case Overdue():
            _escalate(context, tx, request, recipients)
        case Unanswered():
            _remind(context, tx, _without_leavers(context, tx, request, recipients))
        case PastDue(state):
            _expire(tx, request, state)
            oversight_requests.end(context, tx, request, state, resolved)
        case None if request.policy.counts_votes or request.changes:
            _recount(context, tx, request)
        case None:
            pass


def _recount(context: CommandContext, tx: Tx, request: Request) -> None:
    """Let the owner join if approvals are missing, because two approvers turned out to be one person."""
    if request.tally.short:
        request = hand_on.ask(context.advancer, tx, request, before=request)
    _save(tx, request, request.deadlines)


def _save(tx: Tx, request: Request, deadlines: Deadlines) -> None:
    if not request_rows.try_set_deadlines(tx, request, deadlines):
        raise Conflict(f"request {request.id} changed meanwhile")


def _ask_another_way(context: CommandContext, tx: Tx, request: Request) -> None:
    waiting = [approver.person for approver in request.tally.waiting]
    persons, next_at = digests.without_held(tx, request, waiting, hours=context.advancer.hours)
    _save(tx, request, request.deadlines.after_falling_back(next_at=next_at))
    if not persons:
        return
    routes = Routing(context.advancer.directory, request.ways)
    run = request.subject.run
    copies = routing.fall_back(tx, routes, workspace=request.workspace, run=run, request=request.id, persons=persons)
    channels = sorted({copy.route.channel for copy in copies if copy.route})
    tx.audit(
        request.workspace,
        entry(EntryKind.REQUEST_FELL_BACK, run=run, request=request.id, channels=list[Value](channels)),
    )


def _notify_owner(context: CommandContext, tx: Tx, request: Request) -> None:
    run = run_rows.load_run(tx, request.subject.run)
    assert run is not None
    started = request.deadlines.after_notifying_owner(tx.now, request.zones)
    _save(tx, request, started)
    if not started.is_plain:
        record_clocks(tx, request, started)
    context.advancer.alert(tx, run.run_owner, topic="unseen", request=request.id)
    tx.audit(request.workspace, entry(EntryKind.REQUEST_UNSEEN, run=request.subject.run, request=request.id))


def _escalate(context: CommandContext, tx: Tx, request: Request, recipients: Recipients) -> None:
    """Ask the backups as well, unless they were asked before, and start the time again if it was over.

    A backup who has left since the request was opened is not asked. If that leaves no one, the owner is.
    """
    planned = _backups(request)
    backups = _staying(recipients, request, planned)
    if planned and not backups:
        backups = _owner_instead(context, tx, request)
    zones = {*request.zones, *(backup.person.zone for backup in backups)}
    escalated = request.deadlines.after_escalating(tx.now, zones)
    _save(tx, request, escalated)
    later = replace(request, rev=request.rev + 1, deadlines=escalated)
    _record_escalation(tx, request, backups)
    record_clocks(tx, request, escalated)
    hand_on.add_approvers(context.advancer, tx, later, backups)


def _staying(recipients: Recipients, request: Request, backups: Sequence[Approver]) -> list[Approver]:
    """Return the backups that the gate still names."""
    left = [backup for backup, _ in _leavers(recipients, request, backups)]
    return [backup for backup in backups if backup not in left]


def _without_leavers(context: CommandContext, tx: Tx, request: Request, recipients: Recipients) -> Request:
    """Return the request without the approvers who have left, so that no one of them is asked again by email."""
    for approver, why in _leavers(recipients, request, request.tally.waiting):
        request = eligibility.exclude(context.advancer, tx, request, approver, why)
    return request


def _leavers(recipients: Recipients, request: Request, approvers: Sequence[Approver]) -> list[tuple[Approver, str]]:
    """Return the people that the gate no longer names, and why.

    Raises `NeedsDirectory` once for everything that it has to be asked.
    """
    leavers, needed = list[tuple[Approver, str]](), list[Reference]()
    for approver in approvers:
        if not approver.person.addresses:
            continue
        try:
            checked = eligibility.check(recipients, request, approver, approver.person.addresses[0])
        except NeedsDirectory as needs:
            needed += needs.references
            continue
        if checked.excluded is not None:
            leavers.append((approver, checked.excluded))
    if needed:
        raise NeedsDirectory(list(dict.fromkeys(needed)))
    return leavers


def _owner_instead(context: CommandContext, tx: Tx, request: Request) -> list[Approver]:
    run_owner = run_rows.load_owner(tx.connection, request.subject.run)
    owner = people.load_people_cached(tx, [run_owner.owner])[run_owner.owner]
    if not account_holders.may_decide(context.advancer.directory, owner, needs_account=request.needs_account):
        return []
    instead = Approver(owner, f"{ESCALATION}{OWNER_INSTEAD}", ((OWNER, OWNER),))
    return _backups(replace(request, backups=(instead,)))


def _backups(request: Request) -> list[Approver]:
    """Return the backups who are not asked yet and may decide.

    In a chain they may stand in for all who are missing, also if a change asks the first group again.
    """
    asked = {approver.person.id for approver in request.approvers}
    groups = tuple(range(request.policy.needed)) if request.policy.is_chain else FIRST_GROUP
    backups = [replace(backup, groups=groups) for backup in request.backups if backup.person.id not in asked]
    everyone = (*request.approvers, *backups)
    return [
        backup
        for backup in backups
        if not separation.is_left_out(everyone, request.separation, request.requester, backup)
    ]


def _record_escalation(tx: Tx, request: Request, backups: Sequence[Approver]) -> None:
    people: list[Value] = [
        {"person": backup.person.id, "name": backup.person.label, "rule": backup.rule} for backup in backups
    ]
    step = request.subject.step
    tx.audit(
        request.workspace,
        entry(EntryKind.REQUEST_ESCALATED, run=request.subject.run, request=request.id, step=step, approvers=people),
    )


def _remind(context: CommandContext, tx: Tx, request: Request) -> None:
    """Remind the approvers whose decision is missing."""
    _save(tx, request, request.deadlines.after_reminding(tx.now, request.zones))
    persons = [approver.person for approver in request.tally.waiting]
    reminders.remind(tx, context.advancer.directory, request, persons, hours=context.advancer.hours)


def _expire(tx: Tx, request: Request, state: RequestState) -> None:
    if not request_rows.try_expire(tx, request, state):
        raise Conflict(f"request {request.id} was decided meanwhile")
    deliveries.mark_outdated(tx, request.subject.run, request.id, closes=True)
    if request.plan is not None:
        undecided_draws.note(tx, request.plan, request.id)
    wake(tx, request.subject.run)
    tx.audit(
        request.workspace,
        entry(
            EntryKind.REQUEST_EXPIRED,
            run=request.subject.run,
            request=request.id,
            step=request.subject.step,
            becomes=state.value,
            on_expiry=request.deadlines.on_expiry.value,
        ),
    )
