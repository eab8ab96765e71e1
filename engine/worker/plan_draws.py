"""Sampling plans in the units that move runs: what a run finds of its plan, what is written of it, and bad news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from engine.audit_entries import EntryKind, entry
from engine.delivery import routing
from engine.domain import Person, StepStatus, Work
from engine.json_values import Value
from engine.oversight import draw, sampling_plan
from engine.oversight.draw import DrawnPlan, GateDraw
from engine.oversight.sampling_plan import BadNews, Lapse, PlanStage, PlanState
from engine.ports import Directory
from engine.requests import OpenedRequest, Opening, Subject
from engine.requests.working_hours import WorkingHours
from engine.runs import Progress
from engine.runs.state import FindPlan
from engine.store import deliveries, people, run_rows, sampling_plans
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.sampling_plans import LoadedPlan, PlanKey
from engine.worker import drafting_models, oversight_requests
from engine.workflowfile import Workflow

if TYPE_CHECKING:
    from engine.worker.advance import Advancer

TIGHTENED: Final = "tightened"
LAPSED: Final = "lapsed"
"""How the topics of the alerts begin that everything is reviewed again: the reason and the step follow."""
WITHDRAWN: Final = "There was bad news, so the evidence for this does not hold any more."
_FAILED: Final = frozenset({StepStatus.FAILED, StepStatus.FAILURE_IN_REVIEW})


# -- what a run finds ---------------------------------------------------------------------------------------


def finder(tx: Tx, run: LoadedRun, workflow: Workflow, *, key: bytes | None, hours: WorkingHours) -> FindPlan:
    """Return what finds the sampling plans of a run. Without a `key` of this server, everything is reviewed."""

    def find(subject: Subject, class_name: str, counts_hours: bool) -> DrawnPlan:
        models = tuple(drafting_models.load_models(tx, workflow, subject))
        plan = sampling_plans.find(tx, _key(run, subject.step, class_name, models))
        if plan is None:
            return DrawnPlan(is_first=True, models=models)
        state = plan.state
        reviewed = DrawnPlan(plan=plan.id, number=state.number, is_first=plan.is_new, models=models)
        salt = salt_of(plan, key)
        is_waiting = state.waits_for is not None
        if salt is None or is_waiting or (counts_hours and not _is_open(tx, plan, hours)):
            return reviewed
        if lapse(tx, plan) is not None:
            look_soon(tx, plan.id)
            return reviewed
        return replace(reviewed, salt=salt, owed=state.owed)

    return find


def salt_of(plan: LoadedPlan, key: bytes | None) -> bytes | None:
    """Return the salt of the stage, or None if everything is reviewed, or this server has another key than it had."""
    if key is None or plan.state.stage is PlanStage.ALL:
        return None
    salt, commitment = _salt_of(key, plan.id, plan.state.number)
    return salt if commitment == plan.commitment else None


@lru_cache(256)
def _salt_of(key: bytes, plan: str, number: int) -> tuple[bytes, str]:
    salt = draw.salt_of(key, plan, number)
    return salt, draw.commitment(salt)


def lapse(tx: Tx, plan: LoadedPlan) -> Lapse | None:
    """Return why the stage of a plan has come to its end, or None."""
    if sampling_plan.lapse(plan.state, tx.now) is None:
        return None
    return sampling_plan.lapse(plan.state, tx.now, used_at=sampling_plans.last_use(tx.connection, plan.id))


def look_soon(tx: Tx, plan: str) -> None:
    """Let a server look at a plan right after this unit."""
    tx.enqueue(Work("process_due", f"{sampling_plans.WORK}{plan}"))


def _is_open(tx: Tx, plan: LoadedPlan, hours: WorkingHours) -> bool:
    """Return whether it is within the working hours of one of those who reviewed last."""
    return any(hours.next_open(tx.now, zone) <= tx.now for zone in plan.zones)


def _key(run: LoadedRun, step: str, class_name: str, models: Sequence[tuple[str, str]]) -> PlanKey:
    return PlanKey(
        workspace=run.workspace,
        workflow=run.workflow,
        version=run.version,
        step=step,
        class_name=class_name,
        model=", ".join(dict.fromkeys(model for _, model in models)),
    )


# -- what is written ----------------------------------------------------------------------------------------


def drafted(tx: Tx, run: LoadedRun, workflow: Workflow, opening: Opening) -> tuple[Sequence[tuple[str, str]], Opening]:
    """Return the language models that drafted what a request is about, and the request with the plan that counts it."""
    drawn = opening.drawn
    if drawn is None:
        return drafting_models.load_models(tx, workflow, opening.subject), opening
    if drawn.plan:
        return drawn.models, opening
    plan = sampling_plans.need(tx, _key(run, opening.subject.step, drawn.class_name, drawn.models))
    return drawn.models, replace(opening, drawn=replace(drawn, plan=plan))


def drawn_facts(drawn: GateDraw) -> dict[str, Value]:
    """Return how a request that opens was drawn, for the audit log."""
    facts: dict[str, Value] = {"plan": drawn.plan, "stage": drawn.number, "sample": drawn.is_sample}
    return {**facts, "owed": True} if drawn.is_owed else facts


def follow(advancer: Advancer, tx: Tx, run: LoadedRun, progress: Progress, opened: OpenedRequest | None = None) -> None:
    """Write what is asked, what went through without review, and what a progress means for the plans of the run."""
    if opened is not None and opened.opening.drawn is not None:
        _record_opened(tx, run, opened, opened.opening.drawn)
    for drawn in progress.let_through:
        sampling_plans.insert_draw(tx, run.workspace, run.state.id, drawn, digest=drawn.digest, request=None)
    has_failed = any(visit.status in _FAILED for visit in progress.visits)
    if has_failed and advancer.workflow(tx, run.workflow, run.version).has_plans:
        tighten_run(advancer, tx, run.state.id, BadNews.FAILED)


def _record_opened(tx: Tx, run: LoadedRun, opened: OpenedRequest, drawn: GateDraw) -> None:
    """Write that a request opened that a plan counts. The request itself and its entry say which plan that is."""
    digest, request = opened.opening.digest, opened.id
    if drawn.is_first:
        sampling_plans.insert_draw(tx, run.workspace, run.state.id, drawn, digest=digest, request=request)
    if drawn.is_sample:
        loaded = sampling_plans.lock(tx, drawn.plan)
        if loaded.state.number == drawn.number:
            state = sampling_plan.after_draw(loaded.state, request, is_owed=drawn.is_owed, now=tx.now)
            sampling_plans.count(tx, loaded, state)


def save(
    tx: Tx,
    plan: LoadedPlan,
    state: PlanState,
    *,
    zones: Sequence[str | None] | None = None,
    look_at: datetime | None = None,
) -> None:
    """Write the state of a plan within the same stage. `look_at`: when a server looks at it, if that is not the end."""
    used_at = sampling_plans.last_use(tx.connection, plan.id) if state.stage is PlanStage.SAMPLE else None
    next_at = look_at or sampling_plan.next_look(state, used_at=used_at)
    sampling_plans.save(tx, plan, state, next_at=next_at, commitment=plan.commitment, zones=zones)


# -- everything is reviewed again ---------------------------------------------------------------------------


def tighten_run(
    advancer: Advancer, tx: Tx, run: str, news: BadNews, *, actor: Person | None = None, why: str | None = None
) -> int:
    """Let everything be reviewed again at the gates that a run came to. Return how many of their plans let some pass.

    `actor`: the person who says so, with `why`.
    """
    plans = sampling_plans.load_plans_of(tx.connection, run)
    return sum(tighten(advancer, tx, plan, news, run=run, actor=actor, why=why) for plan in sorted(plans))


def tighten(
    advancer: Advancer,
    tx: Tx,
    plan: str,
    news: BadNews,
    *,
    run: str,
    request: str | None = None,
    actor: Person | None = None,
    why: str | None = None,
    is_counted: bool = False,
) -> bool:
    """Let everything be reviewed again that a plan counts, and begin the counting anew. Return whether some passed.

    `is_counted`: the request was counted as corrected before.
    """
    loaded = sampling_plans.lock(tx, plan)
    is_correction = news in _CORRECTIONS and not is_counted
    change = sampling_plan.after_correction if is_correction else sampling_plan.after_bad_news
    end_stage(advancer, tx, loaded, change(loaded.state), reason=news, run=run, request=request, actor=actor, why=why)
    return loaded.state.stage is PlanStage.SAMPLE


_CORRECTIONS: Final = frozenset({BadNews.REJECTED, BadNews.EDITED, BadNews.UNDONE})
"""Bad news that is the answer to a request, which is counted as reviewed."""


def end_stage(
    advancer: Advancer,
    tx: Tx,
    plan: LoadedPlan,
    state: PlanState,
    *,
    reason: BadNews | Lapse,
    run: str,
    request: str | None = None,
    actor: Person | None = None,
    why: str | None = None,
) -> None:
    """Write that everything is reviewed again. If only a share was, disclose the salt, and tell those who agreed."""
    sampling_plans.save(tx, plan, state, next_at=None)
    if plan.state.proposal is not None:
        oversight_requests.withdraw(tx, plan.state.proposal, reason=WITHDRAWN)
    if plan.state.stage is PlanStage.ALL:
        return
    salt = salt_of(plan, advancer.key)
    is_lapse = isinstance(reason, Lapse)
    record = entry(
        EntryKind.AUTONOMY_LAPSED if is_lapse else EntryKind.AUTONOMY_TIGHTENED,
        run=run,
        request=request,
        step=plan.key.step,
        actor=actor,
        plan=plan.id,
        stage=plan.state.number,
        reason=reason.value,
        why=why,
        salt=None if salt is None else salt.hex(),
    )
    tx.audit(plan.key.workspace, record)
    topic = f"{LAPSED if is_lapse else TIGHTENED}.{reason.value}.{plan.key.step}"
    owner = run_rows.load_owner(tx.connection, run).owner
    told = [owner, *([plan.state.agreed_by] if plan.state.agreed_by is not None else [])]
    _tell(tx, advancer.directory, plan, run, topic, (person for person in told if actor is None or person != actor.id))


def _tell(tx: Tx, directory: Directory, plan: LoadedPlan, run: str, topic: str, ids: Iterable[str]) -> None:
    persons = people.load_people_cached(tx, [*dict.fromkeys(ids)])
    # Two who turned out to be one person are told once.
    for person in {person.id: person for person in persons.values()}.values():
        alert = routing.alert(directory, run, person, topic=topic, request=None)
        deliveries.insert_deliveries(tx, plan.key.workspace, [alert])
