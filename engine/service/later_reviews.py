"""Later reviews: people look at a part of what went through without review. They hold nothing up, and can flag.

They also look at what was drawn for review and then withdrawn, or left until it expired.
Which part was drawn when the run came to the gate. The request opens once the step is over, so that people look at what
was done, and goes to the people that the gate names.
"""

from __future__ import annotations

from typing import Final

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Resolved
from engine.domain import ReasonRequired, RequesterRule, RequestState
from engine.domain.oversight import About, OversightPurpose
from engine.errors import Conflict
from engine.oversight.sampling_plan import BadNews
from engine.requests import Opening
from engine.requests.oversight_request import EndedOversightRequest, OversightRequest
from engine.runs import later_review
from engine.service.context import CommandContext
from engine.store import run_rows, sampling_plans
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.sampling_plans import LaterReview
from engine.worker import plan_draws
from engine.worker.oversight_requests import open_oversight_request

FLAGGED: Final = "flagged"
"""The topic of the alert to the owner that a later review found a mistake, where everything is reviewed anyway."""
NOT_KNOWN: Final = "-"
"""What stands in the place of the run that asks, if what went through is not known any more, because it was erased."""

_UNDECIDED: Final = "This was drawn for review, and ended before anyone decided. Nothing was done with it."


def process_due(context: CommandContext, tx: Tx, work: str, resolved: Resolved) -> None:
    """Ask people about a visit that went through without review, once."""
    drawn = sampling_plans.find_later(tx, work)
    if drawn is None:
        return
    run = run_rows.load_run(tx, drawn.run)
    assert run is not None
    opening = _opening(context, tx, run, drawn)
    asked_in = NOT_KNOWN if opening is None else _ask(context, tx, run, drawn, opening, resolved)
    if not sampling_plans.try_set_later(tx, drawn, asked_in):
        raise Conflict(f"people were asked about run {drawn.run} by another process")


def _opening(context: CommandContext, tx: Tx, run: LoadedRun, drawn: LaterReview) -> Opening | None:
    """Return what the gate would have asked, or None if that is not known any more."""
    workflow = context.advancer.workflow(tx, run.workflow, run.version)
    state = context.advancer.informed(tx, run, workflow)
    step = workflow.step(drawn.step)
    return later_review.opening_of(workflow, state, step, drawn.visit, drawn.digest, now=tx.now)


def _ask(
    context: CommandContext, tx: Tx, run: LoadedRun, drawn: LaterReview, opening: Opening, resolved: Resolved
) -> str:
    """Open the request, and return its run. Who started the run does not look at it, unless the gate allows them."""
    is_own_allowed = opening.separation.requester is RequesterRule.ALLOWED
    asked = OversightRequest(
        workspace=run.workspace,
        purpose=OversightPurpose.LATER_REVIEW,
        title=f"Was this right? {opening.title}",
        reason=f"{_UNDECIDED} {opening.reason or ''}".strip() if drawn.is_undecided else opening.reason,
        approvers=opening.references,
        barred=() if is_own_allowed else (run.requester,),
        owner=run.owner,
        about=About(run=drawn.run, workflow=run.workflow, version=run.version, step=drawn.step),
        content=opening.content.value,
        declared=(*opening.editable, *opening.declared),
        technical=opening.technical,
        show=opening.show,
        context=opening.content.context,
        notes=opening.notes,
        ways=opening.ways,
        approve_label="Looks right",
        reject_label="Something is wrong",
        reason_required=ReasonRequired.REJECT,
        facts={"plan": drawn.plan},
    )
    return open_oversight_request(context.advancer, tx, asked, resolved)


def follow(context: CommandContext, tx: Tx, ended: EndedOversightRequest, resolved: Resolved) -> None:  # noqa: ARG001
    """Let everything be reviewed again at once if a person flagged a mistake: the follower of `LATER_REVIEW`."""
    run = ended.about.run
    if ended.state is not RequestState.REJECTED or ended.person is None or run is None:
        return
    advancer, plan = context.advancer, str(ended.facts["plan"])
    incident = entry(EntryKind.RUN_INCIDENT, run=run, actor=ended.person, why=ended.reason, later_review=ended.request)
    tx.audit(ended.workspace, incident)
    was_sample = plan_draws.tighten(advancer, tx, plan, BadNews.FLAGGED, run=run, actor=ended.person, why=ended.reason)
    owner = run_rows.load_owner(tx.connection, run)
    if not was_sample and owner.owner != ended.person.id:
        advancer.alert(tx, owner, topic=f"{FLAGGED}.{ended.about.step}")
