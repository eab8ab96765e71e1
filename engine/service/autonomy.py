"""Sampling plans after people acted: what they decided is counted, and bad news lets everything be reviewed again."""

from __future__ import annotations

from typing import Final

from engine import json_values
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import NotAllowed, NotFound, Refusal, RequestState
from engine.domain.autonomy_commands import IncidentNoted, PlanTightened, ReportIncident, TightenPlan
from engine.json_values import show_path
from engine.oversight.sampling_plan import BadNews
from engine.requests import REASON_LENGTH, Request, Ruling, clip
from engine.service import owners
from engine.service.context import CommandContext
from engine.store import run_rows, sampling_plans
from engine.store.port import Tx
from engine.store.sampling_plans import LoadedPlan
from engine.worker import plan_counts, plan_draws

_NO_REASON: Final = NotAllowed(why="Please say what is wrong. It is kept in the record.")
_NOT_YOURS: Final = "Only the owner of the workflow or an admin can do this."


def after_decision(context: CommandContext, tx: Tx, request: Request, ruling: Ruling) -> None:
    """Count a decision, if a sampling plan does: an approval without a correction, or bad news.

    An approval that can be undone is counted when it no longer can be. Until then, one that was drawn counts as
    waiting, so everything is reviewed.
    """
    if request.plan is None or ruling.state is RequestState.PENDING:
        return
    plan = sampling_plans.lock(tx, request.plan)
    if ruling.state is not RequestState.APPROVED:
        _tighten(context, tx, request, plan, BadNews.REJECTED)
        return
    written = plan_counts.autonomy_of(context.advancer, tx, plan)
    if ruling.edits and not written.is_minor(show_path(edit.path) for edit in ruling.edits):
        _tighten(context, tx, request, plan, BadNews.EDITED)
        return
    if request.hold is None:
        plan_counts.count_approval(context.advancer, tx, plan, written, request, ruling.approver.person.id)


def _tighten(context: CommandContext, tx: Tx, request: Request, plan: LoadedPlan, news: BadNews) -> None:
    plan_draws.tighten(context.advancer, tx, plan.id, news, run=request.subject.run, request=request.id)


# -- commands -----------------------------------------------------------------------------------------------


def report_incident(
    context: CommandContext, tx: Tx, command: ReportIncident, resolved: Resolved
) -> IncidentNoted | Refusal:
    """Record that something is wrong with what a run did: the unit of `Engine.report_incident`."""
    run = run_rows.load_run(tx, command.run)
    if run is None:
        return NotFound(what="run", name=command.run)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(run.workspace, command.actor)
    if not owners.may(context, recipients, actor, command.actor, run.owner, rule=run.owner_rule):
        return NotAllowed(why=_NOT_YOURS)
    why = _reason(command.reason)
    if not why:
        return _NO_REASON
    tx.audit(
        run.workspace,
        entry(EntryKind.RUN_INCIDENT, run=command.run, actor=actor, why=why, surface=command.origin.surface),
    )
    plans = sampling_plans.load_plans_of(tx.connection, command.run)
    tightened = plan_draws.tighten_run(context.advancer, tx, command.run, BadNews.INCIDENT, actor=actor, why=why)
    return IncidentNoted(run=command.run, plans=len(plans), tightened=tightened)


def tighten(context: CommandContext, tx: Tx, command: TightenPlan, resolved: Resolved) -> PlanTightened | Refusal:
    """Let everything be reviewed again: the unit of `Engine.tighten`."""
    run = sampling_plans.last_run(tx.connection, command.plan)
    if run is None:
        return NotFound(what="sampling plan", name=command.plan)
    owner = run_rows.load_owner(tx.connection, run)
    actor = Recipients(tx, context.advancer.directory, resolved).actor(owner.workspace, command.actor)
    if not context.may(actor, command.actor, owner.owner):
        return NotAllowed(why=_NOT_YOURS)
    why = _reason(command.reason)
    if not why:
        return _NO_REASON
    was_sample = plan_draws.tighten(context.advancer, tx, command.plan, BadNews.BY_HAND, run=run, actor=actor, why=why)
    return PlanTightened(plan=command.plan, was_sample=was_sample)


def _reason(text: str) -> str:
    return clip(json_values.clean_text(text).strip(), REASON_LENGTH)
