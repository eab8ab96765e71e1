"""What a sampling plan counts of the approvals at its gate, once nothing can take them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.json_values import show_path
from engine.oversight import sampling_plan
from engine.oversight.sampling_plan import BadNews, PlanStage
from engine.requests import Request
from engine.store import joined_people, request_model, sampling_plans, undos
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.sampling_plans import LoadedPlan
from engine.worker import plan_draws
from engine.workflowfile import Autonomy

if TYPE_CHECKING:
    from engine.worker.advance import Advancer


def autonomy_of(advancer: Advancer, tx: Tx, plan: LoadedPlan) -> Autonomy:
    """Return what the gate of a plan says."""
    gate = advancer.workflow(tx, plan.key.workflow, plan.key.version).step(plan.key.step).gate
    assert gate is not None
    assert gate.autonomy is not None
    return gate.autonomy


def count_approval(
    advancer: Advancer, tx: Tx, plan: LoadedPlan, written: Autonomy, request: Request, approver: str
) -> None:
    """Count an approval without a correction. `written`: what the gate says; `approver`: the id of the person."""
    is_own = request.requester is not None and joined_people.is_one_human(tx, approver, request.requester)
    approved = sampling_plan.after_own_approval if is_own else sampling_plan.after_review
    state = approved(plan.state, request.id, now=tx.now)
    has_lost_key = state.stage is PlanStage.SAMPLE and plan_draws.salt_of(plan, advancer.key) is None
    is_due = has_lost_key or sampling_plan.may_propose(written.plan, state)
    # Where every hour counts, no one reads the zones.
    zones = plan.zones if request.deadlines.hours is None else tuple(sorted(request.zones, key=str))
    if is_due:
        plan_draws.save(tx, plan, state, zones=zones, look_at=tx.now)
        plan_draws.look_soon(tx, plan.id)
    elif zones != plan.zones:
        plan_draws.save(tx, plan, state, zones=zones)
    else:
        sampling_plans.count(tx, plan, state)


def count_released(advancer: Advancer, tx: Tx, run: LoadedRun, request_id: str) -> None:
    """Count an approval whose `hold` is over: until then it could be undone, and said nothing."""
    if not advancer.workflow(tx, run.workflow, run.version).has_plans:
        return
    loaded = request_model.load_request(tx, request_id)
    request = None if loaded is None else loaded[0]
    if request is None or request.plan is None:
        return
    approvers = undos.load_approved_by(tx.connection, request)
    plan = sampling_plans.lock(tx, request.plan)
    written = autonomy_of(advancer, tx, plan)
    if approvers and not is_corrected(tx, written, request):
        count_approval(advancer, tx, plan, written, request, approvers[0])


def undone(advancer: Advancer, tx: Tx, request: Request) -> None:
    """Let everything be reviewed again because an approval was undone. It counts as corrected, and only once."""
    if request.plan is None:
        return
    plan = sampling_plans.lock(tx, request.plan)
    is_counted = is_corrected(tx, autonomy_of(advancer, tx, plan), request)
    plan_draws.tighten(
        advancer,
        tx,
        plan.id,
        BadNews.UNDONE,
        run=request.subject.run,
        request=request.id,
        is_counted=is_counted,
    )


def is_corrected(tx: Tx, written: Autonomy, request: Request) -> bool:
    """Return whether the person who approved a request changed more of it than minor fields."""
    paths = undos.load_edited_paths(tx.connection, request)
    return bool(paths) and not written.is_minor(show_path(path) for path in paths)
