"""The stages of a sampling plan: people are asked to let only a share be reviewed, they answer, and it lapses."""

from __future__ import annotations

from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Resolved
from engine.domain import Person, RequestState
from engine.domain.oversight import About, OversightPurpose
from engine.oversight import draw, plan_sentences, sampling_plan
from engine.oversight.sampling_plan import Lapse, PlanStage, SamplingPlan
from engine.requests.oversight_request import EndedOversightRequest, OversightRequest
from engine.service import oversight_requests
from engine.service.context import CommandContext
from engine.store import sampling_plans, seeded_requests
from engine.store.port import Tx
from engine.store.sampling_plans import LoadedPlan
from engine.worker import plan_draws
from engine.worker.oversight_requests import open_oversight_request
from engine.worker.plan_counts import autonomy_of


def process_due(context: CommandContext, tx: Tx, plan_id: str, resolved: Resolved) -> None:
    """Look at a plan: its agreement may have lapsed, or people can be asked to agree."""
    plan = sampling_plans.lock(tx, plan_id)
    why = _lapse(context, tx, plan)
    if why is not None:
        run = sampling_plans.last_run(tx.connection, plan_id)
        assert run is not None
        plan_draws.end_stage(context.advancer, tx, plan, sampling_plan.after_lapse(plan.state), reason=why, run=run)
    elif context.advancer.key is not None and sampling_plan.may_propose(
        autonomy_of(context.advancer, tx, plan).plan, plan.state
    ):
        _propose(context, tx, plan, resolved)
    else:
        plan_draws.save(tx, plan, plan.state)


def _lapse(context: CommandContext, tx: Tx, plan: LoadedPlan) -> Lapse | None:
    if plan.state.stage is PlanStage.SAMPLE and plan_draws.salt_of(plan, context.advancer.key) is None:
        return Lapse.NEW_KEY
    return plan_draws.lapse(tx, plan)


def _propose(context: CommandContext, tx: Tx, plan: LoadedPlan, resolved: Resolved) -> None:
    """Ask the owner, or the admins if the owner wrote the version, to let a share through."""
    deciders = oversight_requests.owner_or_admins(context, tx, plan.key.workflow, plan.key.version)
    workflow = context.advancer.workflow(tx, plan.key.workflow, plan.key.version)
    detection = seeded_requests.told_detection(tx.connection, plan.key.workflow)
    label, written = workflow.step(plan.key.step).label, autonomy_of(context.advancer, tx, plan).plan
    asked = OversightRequest(
        workspace=plan.key.workspace,
        purpose=OversightPurpose.CHANGE_STAGE,
        title=f"Review only {plan_sentences.percent(written.share)} of “{label}” from now on?",
        approvers=deciders.approvers,
        barred=deciders.barred,
        owner=deciders.owner,
        about=About(workflow=plan.key.workflow, version=plan.key.version, step=plan.key.step),
        reason=f"Of “{workflow.title}”, {plan.state.clean:,} in a row were approved without a correction.",
        show=(*plan_sentences.evidence(written, plan.state, detection), *_counted(plan)),
        approve_label="Review a share",
        reject_label="Review everything",
        expires_after=sampling_plan.ANSWER_WITHIN,
        facts={"plan": plan.id},
    )
    run = open_oversight_request(context.advancer, tx, asked, resolved)
    sampling_plans.save(tx, plan, sampling_plan.after_proposal(plan.state, run, tx.now), next_at=None)
    tx.audit(
        plan.key.workspace,
        entry(EntryKind.AUTONOMY_PROPOSED, run=run, step=plan.key.step, plan=plan.id, in_a_row=plan.state.clean),
    )


def _counted(plan: LoadedPlan) -> tuple[tuple[str, str], ...]:
    """Return what the plan counts by itself."""
    key = plan.key
    parts = [f"version {key.version}", *([f"“{key.class_name}”"] if key.class_name else [])]
    model = [f"drafts by {key.model}"] if key.model else []
    return (("Only for", ", ".join((*parts, *model))),)


def follow(context: CommandContext, tx: Tx, ended: EndedOversightRequest, resolved: Resolved) -> None:  # noqa: ARG001
    """Change the stage as people answered: the follower of `OversightPurpose.CHANGE_STAGE`."""
    plan = sampling_plans.lock(tx, str(ended.facts["plan"]))
    if plan.state.proposal != ended.run:
        return
    if ended.state is RequestState.APPROVED and ended.person is not None:
        _agree(context, tx, plan, autonomy_of(context.advancer, tx, plan).plan, ended)
    else:
        _refuse(tx, plan, ended.run, ended.person)


def _agree(
    context: CommandContext, tx: Tx, plan: LoadedPlan, written: SamplingPlan, ended: EndedOversightRequest
) -> None:
    """Let only a share be reviewed from now on.

    The log holds the hash of the salt from now on, and the salt when the stage ends: so every draw can be checked.
    """
    assert ended.person is not None
    key = context.advancer.key
    state = sampling_plan.after_agreement(written, plan.state, ended.run, person=ended.person.id, now=tx.now)
    if key is None or state is plan.state:
        return
    commitment = draw.commitment(draw.salt_of(key, plan.id, state.number))
    sampling_plans.save(tx, plan, state, next_at=sampling_plan.next_look(state), commitment=commitment)
    tx.audit(
        plan.key.workspace,
        entry(
            EntryKind.AUTONOMY_RELAXED,
            run=ended.run,
            request=ended.request,
            step=plan.key.step,
            actor=ended.person,
            plan=plan.id,
            stage=state.number,
            commitment=commitment,
            workflow=plan.key.workflow,
            version=plan.key.version,
            class_name=plan.key.class_name or None,
            model=plan.key.model or None,
            clean=written.clean,
            share=str(written.share),
            later=str(written.later),
            in_a_row=state.clean,
            reviewed=state.reviewed,
            bad=state.bad,
            by_requester=state.by_requester,
        ),
    )


def _refuse(tx: Tx, plan: LoadedPlan, proposal: str, person: Person | None) -> None:
    """Begin the counting anew, because people said no, or nothing in time."""
    plan_draws.save(tx, plan, sampling_plan.after_refusal(plan.state))
    record = entry(
        EntryKind.AUTONOMY_REFUSED,
        run=proposal,
        step=plan.key.step,
        actor=person,
        plan=plan.id,
        answered=person is not None,
    )
    tx.audit(plan.key.workspace, record)
