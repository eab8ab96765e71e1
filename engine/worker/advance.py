"""The units of work that move a run: load it, call the state machine, save the progress.

Each unit is one transaction and may run twice. The runner calls `advance` and `record`; the commands in
`engine.service` call `follow` after they moved a run themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from engine import requests, runs, workflowfile
from engine.audit_entries import EntryKind, entry
from engine.delivery import absentees, account_holders, amount_limits, backups, callbacks, digests, routing
from engine.delivery.amount_limits import Split
from engine.delivery.recipients import Recipients, Resolved
from engine.delivery.routes import Router
from engine.domain import DeliveryKind, Person, RunStatus, Work
from engine.errors import Conflict, StepError
from engine.ports import Directory, Secrets
from engine.requests import Circle, OpenedRequest, Opening, working_hours
from engine.requests.working_hours import WorkingHours
from engine.runs import ChildRun, Effect, LanesOrder, NotStarted, Outcome, Progress, RunState, TakenItem
from engine.runs.state import FindPlan
from engine.store import deliveries, failure_requests, people, request_model, request_rows, run_rows, workflows
from engine.store.deliveries import NewDelivery
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun, RunOwner
from engine.worker import (
    child_runs,
    foreach,
    plan_counts,
    plan_draws,
    repeat_question,
    run_cancellation,
    seeded_requests,
    step_outcomes,
)
from engine.worker.lane_states import LaneStates
from engine.worker.opened_entry import opened_entry
from engine.workflowfile import Workflow
from engine.workflowfile.step_kinds import StepKind

_ALERTED: Final = frozenset({RunStatus.FAILED, RunStatus.NEEDS_ATTENTION, RunStatus.EXPIRED})
"""Statuses of a run that its owner is alerted about."""
_OWNER_DECIDES: Final = "No approver can be asked, so the owner of the workflow decides."
_OWNER_JOINS: Final = "Too few approvers can be asked, so the owner of the workflow decides as well."
_COMPILED: Final = 256
"""Number of compiled workflow versions that are cached. Versions never change, so the cache is never stale."""


@dataclass(frozen=True, slots=True)
class ClaimedEffect:
    """An effect to run, and the fence (`rev`) that must still hold when its outcome is recorded."""

    run: str
    rev: int
    effect: Effect


class Advancer:
    """The units of work. `kinds`: step types by name. `directory`: who people are and how to reach them.

    `hours`: the working hours for gates that count them. `key`: of this server, for the draws of sampling plans;
    without one, everything is reviewed.
    """

    def __init__(
        self,
        *,
        kinds: Mapping[str, StepKind],
        directory: Directory,
        secrets: Secrets,
        hours: WorkingHours = working_hours.OFFICE,
        key: bytes | None = None,
    ) -> None:
        self.kinds, self.directory, self.secrets, self.hours, self.key = kinds, directory, secrets, hours, key
        self._pinned_source: Callable[[bytes], Workflow] = lru_cache(_COMPILED)(
            lambda source: workflowfile.load(source, kinds=kinds, registered=True)
        )
        self._compiled: dict[str, Workflow] = {}
        self._lanes, self._items = LaneStates(), foreach.ItemWriter()

    def workflow(self, tx: Tx, workflow: str, number: int) -> Workflow:
        """Return this version of a workflow. A run keeps the version that it started with."""
        # By the hash and not by the number: a unit that is rolled back, as the trial of a sync is, leaves the number of
        # its version free for another file.
        hash = workflows.load_pinned_cached(tx, workflow, number).hash
        compiled = self._compiled.get(hash)
        if compiled is None:
            if len(self._compiled) >= _COMPILED:
                self._compiled.clear()
            source = workflows.load_source(tx.connection, workflow, number)
            compiled = self._compiled[hash] = self._pinned_source(source)
        return compiled

    def registered(self, source: bytes) -> Workflow:
        """Return the workflow in a registered file. Raises `DefinitionError` if this server cannot run it any more."""
        return self._pinned_source(source)

    def compiled(self, source: bytes) -> Workflow:
        """Return the workflow in a file that is about to be registered. Raises `DefinitionError`."""
        return workflowfile.load(source, kinds=self.kinds)

    # -- the runner's units --

    def advance(self, tx: Tx, run_id: str, resolved: Resolved) -> ClaimedEffect | None:
        """Move the run forward until it has to stop. If it stopped at an effect, return that effect, claimed."""
        run = run_rows.load_run(tx, run_id)
        if run is None or not run.claimable(tx.now):
            return None
        if _waits_for_earlier(tx, run):
            run_rows.wait_longer(tx, run)
            return None
        if foreach.is_unwritten(run):
            self._items.write(tx, run, *self._pinned(tx, run))
            return None
        return self._save(tx, run, self._proceed(tx, run, resolved), resolved)

    def _proceed(self, tx: Tx, run: LoadedRun, resolved: Resolved) -> Progress:
        """Move a run until it has to stop, and start the runs that its steps order on the way."""
        workflow, state = self._pinned(tx, run)
        recipients = Recipients(tx, self.directory, resolved)
        started: dict[tuple[str, int], ChildRun | NotStarted] = {}
        taken: list[TakenItem | None] = []
        while True:
            state = replace(state, started=started, lane=foreach.repeat_lane(state.lane, taken))
            progress = runs.proceed(workflow, state, now=tx.now, may_start_runs=True)
            order = progress.order
            if order is None:
                return progress
            started[order.step, order.visit] = (
                foreach.start_lanes(tx, run, order)
                if isinstance(order, LanesOrder)
                else child_runs.start(tx, run, order, recipients, self.workflow)
            )

    def record(
        self, tx: Tx, claimed: ClaimedEffect, outcome: Outcome, resolved: Resolved, *, may_open_requests: bool = True
    ) -> ClaimedEffect | None:
        """Record the outcome of an effect and move the run forward. Do nothing if another process took the run over.

        Without `may_open_requests`, the next call of `advance` opens the next request.
        """
        run = run_rows.load_run(tx, claimed.run)
        if run is None or run.rev != claimed.rev:
            return None
        progress = runs.record(*self._pinned(tx, run), outcome, now=tx.now, may_open_requests=may_open_requests)
        return self._save(tx, run, progress, resolved)

    def _pinned(self, tx: Tx, run: LoadedRun) -> tuple[Workflow, RunState]:
        workflow = self.workflow(tx, run.workflow, run.version)
        return workflow, self.informed(tx, run, workflow)

    def informed(self, tx: Tx, run: LoadedRun, workflow: Workflow) -> RunState:
        """Return the state of a run, with its decisions and requests for changes if the workflow needs them."""
        state = run.state
        if workflow.can_revise:
            state = replace(state, revisions=request_model.load_revisions(tx.connection, state.id))
        if workflow.reads_decisions:
            state = replace(state, decisions=request_model.load_decisions(tx.connection, state.id))
        if workflow.asks_about_failures:
            state = replace(state, asked_attempt=_asked_attempt(tx, workflow, state))
        if workflow.has_plans:
            state = replace(state, find_plan=self._plan_finder(tx, run, workflow))
        return state if run.lane is None else self._lanes.informed(tx, run, workflow, state, self.informed)

    def with_plans(self, tx: Tx, run: LoadedRun, workflow: Workflow) -> RunState:
        """Return the state of a run, so that it can ask for the sampling plans of its gates."""
        if not workflow.has_plans:
            return run.state
        return replace(run.state, find_plan=self._plan_finder(tx, run, workflow))

    def _plan_finder(self, tx: Tx, run: LoadedRun, workflow: Workflow) -> FindPlan:
        return plan_draws.finder(tx, run, workflow, key=self.key, hours=self.hours)

    def _save(self, tx: Tx, run: LoadedRun, progress: Progress, resolved: Resolved) -> ClaimedEffect | None:
        self.foresee(tx, run, progress, resolved)
        if progress.status is RunStatus.CANCELLED and any(not child.status.ended for child in run.state.children):
            run_cancellation.cancel_children(tx, run.state.id)
        if not run_rows.try_save_run(tx, run, progress):
            raise Conflict(f"run {run.state.id} was moved by another process")
        self.follow(tx, run, progress, resolved)
        if progress.ready_at is not None and progress.ready_at <= tx.now:
            tx.enqueue(Work("advance", run.state.id))
        return ClaimedEffect(run.state.id, run.rev + 1, progress.effect) if progress.effect else None

    def alert_stuck(self, tx: Tx, run_id: str, reason: str) -> None:
        """Alert the owner that this server cannot move a run. Only the owner is read: the rest may be unreadable."""
        run_owner = run_rows.load_owner(tx.connection, run_id)
        self.alert(tx, run_owner, topic="stuck")
        tx.audit(run_owner.workspace, entry(EntryKind.RUN_STUCK, run=run_id, content={"error": reason}))

    # -- what follows from a progress --

    def foresee(self, tx: Tx, run: LoadedRun, progress: Progress, resolved: Resolved) -> None:
        """Raise `NeedsDirectory` before anything is written, so that the transaction need not be undone."""
        if progress.opening is not None:
            opening = progress.opening
            named = (*opening.references, *opening.backups)
            recipients = Recipients(tx, self.directory, resolved)
            recipients.foresee(run, named, opening.accounts)
            amount_limits.foresee(recipients, self.directory, opening)

    def follow(
        self, tx: Tx, run: LoadedRun, progress: Progress, resolved: Resolved, *, stopped_by: str | None = None
    ) -> OpenedRequest | None:
        """Save the request, the alerts and the audit entries that follow from a progress. Return the request, if any.

        `stopped_by`: the person who stopped the run without finding out whether a step happened. They get no alert, and
        neither do approvers, because nothing new is known about the step.
        """
        for event in progress.events:
            tx.audit(run.workspace, entry(event.kind, run=run.state.id, step=event.step, content=event.content))
        opened = self._open(tx, run, progress.opening, resolved) if progress.opening is not None else None
        if progress.released is not None:
            self._release(tx, run, progress.released)
        plan_draws.follow(self, tx, run, progress, opened)
        if opened is not None:
            seeded_requests.may_open(self, tx, run, opened.id, opened.opening, opened.circle, resolved)
        callbacks.announce(tx, run.state.id, progress)
        asked = step_outcomes.asked_about_failure(tx, run, progress)
        alert = None
        if run.owner == stopped_by or run.owner in asked:
            pass
        elif _is_lapse(progress) or (run.is_oversight and progress.status is RunStatus.EXPIRED):
            # Its approvers see it on the card, and the program was told. There is nothing to do. What becomes of an
            # oversight request that no one answered is for its follower to say.
            pass
        elif progress.status in _ALERTED or (progress.error and progress.status is RunStatus.CANCELLED):
            alert = self.alert(tx, run.run_owner, topic=progress.status.value)
        notified = progress.status.ended and self._notify_requester(tx, run, alert)
        if progress.status.ended and run.trigger is not None:
            run_rows.wake_queued(tx, run.trigger)
        if progress.status.ended and run.parent is not None:
            wake(tx, run.parent)
        # The owner gets an alert of their own, unless the run goes on without the step.
        informed = {*asked, *([run.owner] if alert is not None else []), *([run.requester] if notified else [])}
        # If a person stopped the run, the alert about the unknown outcome already shows that.
        may_alert = stopped_by is None
        if not self._is_reviewed_together(tx, run):
            step_outcomes.follow(tx, run, progress, self.directory, informed=informed, may_alert=may_alert)
        return opened

    def _release(self, tx: Tx, run: LoadedRun, request: str) -> None:
        """Let an approval stand that can no longer be undone: the button Undo must vanish, and it counts now."""
        deliveries.mark_outdated(tx, run.state.id, request, closes=True)
        tx.audit(run.workspace, entry(EntryKind.REQUEST_RELEASED, run=run.state.id, request=request))
        plan_counts.count_released(self, tx, run, request)

    def _is_reviewed_together(self, tx: Tx, run: LoadedRun) -> bool:
        """Return whether the run is a lane whose items were reviewed together, so that it has no requests."""
        if run.lane is None:
            return False
        return self.workflow(tx, run.workflow, run.version).step(run.lane.of.step).gate is not None

    def _notify_requester(self, tx: Tx, run: LoadedRun, alert: NewDelivery | None) -> bool:
        """Notify the requester of the end of the run, where they started it. Return whether they are notified.

        The `alert` to the owner counts if the requester is the owner and gets it in the same place.
        """
        if run.origin.surface == "terminal" or not run.origin.place:
            return False
        requester = people.load_people_cached(tx, [run.requester])[run.requester]
        route = self.directory.back(run.origin, requester)
        if route is None:
            return False
        if alert is not None and alert.person.id == requester.id and alert.route == route:
            return True
        copy = NewDelivery(kind=DeliveryKind.OUTCOME, run=run.state.id, person=requester, route=route)
        deliveries.insert_deliveries(tx, run.workspace, [copy])
        return True

    def alert(self, tx: Tx, run_owner: RunOwner, *, topic: str, request: str | None = None) -> NewDelivery | None:
        """Send an alert to the owner of the workflow, if a person owns it."""
        return routing.alert_owner(tx, self.directory, run_owner, topic=topic, request=request)

    def alert_once(self, tx: Tx, run_owner: RunOwner, *, topic: str, request: str) -> None:
        """Send an alert about a request to the owner, unless one about the same topic was sent before."""
        _, alerted = deliveries.load_outlook(tx.connection, run_owner.run, request)
        if topic not in alerted:
            self.alert(tx, run_owner, topic=topic, request=request)

    def _open(self, tx: Tx, run: LoadedRun, opening: Opening, resolved: Resolved) -> OpenedRequest:
        opening = repeat_question.with_question(opening, workflow := self.workflow(tx, run.workflow, run.version))
        request_id, notes = tx.new_id(), [*opening.notes, *self._missing_secrets(opening)]
        models, opening = plan_draws.drafted(tx, run, workflow, opening)
        recipients = Recipients(tx, self.directory, resolved)
        opening, named, missing = Router(tx, recipients, self.directory, self.hours).choose(run, opening)
        notes += missing
        named, missing, are_away = absentees.replace_absent(tx, recipients, run, opening, named)
        notes += missing
        owner = people.load_people_cached(tx, [run.owner])[run.owner]
        limits = amount_limits.split(recipients, self.directory, opening, named, owner)
        missing, circle = self._circle(run, opening, limits, owner)
        notes += missing
        in_reserve, missing = backups.backups_of(recipients, run, opening, circle)
        reserve = amount_limits.split(recipients, self.directory, opening, in_reserve, owner)
        opening = amount_limits.with_limits(opening, {**limits.limits, **reserve.limits})
        notes += [*missing, *reserve.notes]
        asked = [approver.person for approver in circle.first_asked]
        ways, ids = opening.ways, {"run": run.state.id, "request": request_id}
        shared = routing.shared_copies(self.directory, ways, **ids, owner=owner)
        own, more_ways = routing.open_copies(self.directory, ways, **ids, persons=asked)
        copies = [*shared, *own]
        is_not_posted = ways.post_to is not None and not shared
        if is_not_posted:
            notes.append(f"This server cannot post to {ways.post_to}, so each approver is asked.")
        zones = {person.zone for person in asked}
        deadlines = opening.deadlines(tx.now, falls_back=more_ways, hours=self.hours)
        at_once, held = digests.split(copies, deadlines, now=tx.now, hours=self.hours, zones=zones)
        deadlines = digests.held_deadlines(deadlines, at_once, held, now=tx.now, zones=zones)
        request_rows.insert_request(
            tx,
            opening,
            request=request_id,
            workspace=run.workspace,
            circle=circle,
            notes=notes,
            deadlines=deadlines,
            backups=reserve.all,
            models=models,
        )
        deliveries.insert_deliveries(tx, run.workspace, at_once)
        digests.hold(tx, run.workspace, held, hours=self.hours)
        tx.audit(run.workspace, opened_entry(run, request_id, opening, circle, notes, models))
        topic = _alert_topic(circle, copies, is_not_posted=is_not_posted, are_away=are_away)
        if topic is not None:
            self.alert(tx, run.run_owner, topic=topic, request=request_id)
        return OpenedRequest(request_id, opening, circle, deadlines)

    def _circle(self, run: LoadedRun, opening: Opening, limits: Split, owner: Person) -> tuple[list[str], Circle]:
        """Return notes about the people who cannot decide, and who is asked of the others."""
        needs_account = opening.needs_account
        authors = opening.revision.authors if opening.revision is not None else ()
        own = (authors, opening.edited_before) if opening.separation.editor else ((), ())
        others, own_wording = requests.without_authors(limits.able, *own)
        able, notes = account_holders.with_accounts(self.directory, others, needs_account=needs_account)
        circle = requests.circle(
            able,
            opening.policy,
            opening.separation,
            requester=run.requester,
            owner=owner,
            owner_is_able=owner.id not in {*own[0], *own[1]}
            and amount_limits.may_approve(limits, opening, owner)
            and account_holders.may_decide(self.directory, owner, needs_account=needs_account),
        )
        notes = [*limits.notes, *own_wording, *notes]
        if circle.with_owner:
            notes = [*notes, _OWNER_JOINS if able else _OWNER_DECIDES]
        return notes, amount_limits.with_shown(circle, limits)

    def _missing_secrets(self, opening: Opening) -> list[str]:
        """Return a sentence for each secret that is not set, so that approvers see that the step would fail."""
        missing = []
        for name in sorted(opening.content.secret_names):
            try:
                self.secrets.read(name, opening.subject.workflow)
            except StepError as error:
                missing.append(str(error))
        return missing


def _alert_topic(circle: Circle, copies: Sequence[NewDelivery], *, is_not_posted: bool, are_away: bool) -> str | None:
    """Return what the owner is alerted about as a request opens, or None."""
    if circle.short:
        return "short"
    if not any(copy.route for copy in copies):
        return "unreachable"
    if is_not_posted:
        return routing.UNPOSTED
    return "absent" if are_away and not circle.with_owner else None


def _is_lapse(progress: Progress) -> bool:
    """Return whether the run ends because a program did not use an approval."""
    return progress.ask is not None and progress.ask.lapsed


def _waits_for_earlier(tx: Tx, run: LoadedRun) -> bool:
    """Return whether a run is queued, and an earlier run of its trigger has not ended."""
    if not run.queued or run.trigger is None or run.state.cancelled:
        return False
    return run_rows.find_before(tx.connection, run.trigger, run.state.id) is not None


def _asked_attempt(tx: Tx, workflow: Workflow, state: RunState) -> int:
    """Return the call in the current visit about whose failure people were asked last."""
    step = workflow.steps[state.cursor].id if state.cursor < len(workflow.steps) else ""
    visit = state.visits.get(step)
    return failure_requests.load_asked_attempt(tx.connection, state.id, visit) if visit and visit.attempt > 1 else 0


def wake(tx: Tx, run: str) -> None:
    """Make the run ready to be advanced, even while another process works on it."""
    run_rows.wake(tx, run)
    tx.enqueue(Work("advance", run))
