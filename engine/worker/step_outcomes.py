"""What follows when it is known what became of a step: copies that say so, and alerts to the people who approved it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from engine.delivery import routing
from engine.domain import StepStatus
from engine.ports import Directory
from engine.runs import Progress, Visit
from engine.store import deliveries, failure_requests, people, request_model
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun

_WENT_WRONG: Final = {StepStatus.FAILED: "approved_failed", StepStatus.OUTCOME_UNKNOWN: "approved_unknown"}
"""Statuses of an approved step that its approver is alerted about, with the topic of the alert."""
_OVER: Final = frozenset({StepStatus.SUCCEEDED, StepStatus.STOPPED})
"""Statuses that end an approved step without an alert."""


def follow(
    tx: Tx, run: LoadedRun, progress: Progress, directory: Directory, *, informed: Collection[str], may_alert: bool
) -> None:
    """Update the copies of the requests about each step whose outcome is known, and alert approvers of what failed.

    `informed`: the ids of the people who are told already. Without `may_alert` no one is.
    """
    newest = {visit.step: visit.visit for visit in progress.visits}
    for visit in progress.visits:
        approval = _update_copies(tx, run, visit)
        # Of a step that is tried again with other parameters, its new request tells.
        if approval is not None and may_alert and visit.visit == newest[visit.step]:
            request, approvers = approval
            _alert(tx, run, visit, request, [one for one in approvers if one not in informed], directory)


def asked_about_failure(tx: Tx, run: LoadedRun, progress: Progress) -> frozenset[str]:
    """Return the ids of the people who were asked about a failure with which the run ends or goes on now."""
    asked = set[str]()
    for visit in progress.visits:
        before = run.state.visits.get(visit.step)
        if visit.status is StepStatus.FAILED and before and before.status is StepStatus.FAILURE_IN_REVIEW:
            asked |= {*failure_requests.load_asked(tx.connection, run.state.id, before)}
    return frozenset(asked)


def _update_copies(tx: Tx, run: LoadedRun, visit: Visit) -> tuple[str, list[str]] | None:
    """Update the copies of a request when the outcome of the step that it approved is known.

    If a later try worked, the copies and alerts of the requests that approved the earlier ones say so.

    Return the request and its approvers if the step failed: they have to be alerted.
    """
    failed = visit.status in _WENT_WRONG
    first = run.lane.since if run.lane is not None else 1
    is_later_try = visit.visit > first or visit.attempt > 1
    for request in failure_requests.load_tried_again(tx.connection, run.state.id, visit) if is_later_try else ():
        deliveries.mark_outdated(tx, run.state.id, request)
    if visit.visit > first and visit.status is StepStatus.SUCCEEDED:
        for request in request_model.load_earlier_approvals(tx.connection, run=run.state.id, visit=visit):
            deliveries.mark_outdated(tx, run.state.id, request)
    # The copies may have shown the decision already, in a unit before the one that grants what was approved.
    is_told = visit.status in (StepStatus.FAILURE_IN_REVIEW, StepStatus.GRANTED)
    if not failed and not is_told and not _is_over(run.state.visits.get(visit.step), visit):
        return None
    approval = request_model.load_approval(tx.connection, run=run.state.id, step=visit.step, visit=visit.visit)
    if approval is None:
        return None
    deliveries.mark_outdated(tx, run.state.id, approval[0])
    return approval if failed else None


def _alert(tx: Tx, run: LoadedRun, visit: Visit, request: str, approvers: Sequence[str], directory: Directory) -> None:
    topic = _WENT_WRONG[visit.status]
    persons = people.load_people_cached(tx, approvers)
    # Two who turned out to be one person are alerted once.
    for person in {persons[approver].id: persons[approver] for approver in approvers}.values():
        alert = routing.alert(directory, run.state.id, person, topic=topic, request=request)
        deliveries.insert_deliveries(tx, run.workspace, [alert])


def _is_over(before: Visit | None, visit: Visit) -> bool:
    """Return whether an approved step ended well, or is known to have ended, after its copies showed the decision.

    A step that ends in the unit which reads the decision calls nothing: its copies have nothing to add.
    """
    if before is None or before.status is StepStatus.IN_REVIEW:
        return False
    if before.status is StepStatus.GRANTED:
        # The program that asked used the approval, or did not in time.
        return True
    return before.status in _WENT_WRONG or (visit.digest is not None and visit.status in _OVER)
