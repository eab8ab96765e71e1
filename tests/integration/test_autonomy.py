"""A gate with `autonomy`: people review everything, then a share, and everything again after the first bad news."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.ai.client import PydanticAiClient
from bot.devtools.language_model import KEY, MODEL, ModelService, RecordedAnswer, run_model_service
from bot.presentation import decision_records, request_outcome
from engine import json_values, verify_audit, verify_draws
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    ApprovalUndone,
    Assurance,
    Cancel,
    Decided,
    Done,
    NotAllowed,
    NotFound,
    RequestState,
    RunStatus,
    Start,
    Started,
    TryAgain,
    Undo,
    Verdict,
)
from engine.domain.autonomy_commands import IncidentNoted, PlanTightened, ReportIncident, TightenPlan
from engine.errors import StepError
from engine.insights import InsightQuery
from engine.oversight.sampling_plan import BadNews, PlanStage
from engine.ports import DirectoryPerson, StepContext, StepServices
from engine.read_models import DecisionFilter
from engine.service import Engine
from engine.steps import registry
from engine.store import audit_log, erasure, identities, reconciliation, sampling_plans
from engine.store.port import Connection
from engine.store.sampling_plans import LoadedPlan
from engine.store.sampling_queries import plan_views
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, PlayedParams, PlayedStep, open_engine

KIM = Address("email", "kim@example.com")
PLAN = "{clean: 3, sample: 10%, review_after: 50%, only_when: '{{ inputs.amount <= 200 }}'KEYS}"
FLOW = """
name: flow
owner: sam@example.com
inputs:
  amount: {type: number, default: 20}
  text: {type: text, default: hello}
steps:
  - id: pay
    uses: played
    with: {text: "{{ inputs.text }}"}
    gate: {approvers: [lee@example.com], edit: [text], autonomy: PLAN}
  - {id: end, uses: set, with: {said: "{{ steps.pay.text }}"}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM}), files=env.engine.files, clock=env.clock)
        await env.register(flow())
        yield env


def flow(keys: str = "", source: str = FLOW) -> str:
    return source.replace("PLAN", PLAN.replace("KEYS", keys))


async def plan_of(env: EngineEnv) -> LoadedPlan:
    """Return the newest plan."""
    rows = await env.rows("SELECT id FROM sampling_plan ORDER BY version DESC, created_at DESC, id DESC")
    return await env.store.read(lambda connection: sampling_plans.load(connection, str(rows[0][0])))


async def approved(env: EngineEnv, **inputs: Any) -> str:
    """Run the workflow to its end with an approval, and return the run."""
    env.pass_time(seconds=1)
    run = await env.start(**inputs)
    await env.settle()
    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    return run


async def relax(env: EngineEnv, times: int = 3) -> LoadedPlan:
    """Let people agree that only a share is reviewed, after so many approvals."""
    for _ in range(times):
        await approved(env)
    plan = await plan_of(env)
    await agree(env, plan)
    plan = await plan_of(env)
    assert plan.state.stage is PlanStage.SAMPLE
    return plan


async def agree(env: EngineEnv, plan: LoadedPlan, verdict: Verdict = Verdict.APPROVE) -> None:
    """Let an admin answer whether a share may go through: Sam, the owner, has written the file."""
    assert plan.state.proposal is not None
    assert isinstance(await env.decide(plan.state.proposal, verdict, by=KIM), Decided)
    await env.settle()


async def start_until(env: EngineEnv, *, reviewed: bool, most: int = 200, **inputs: Any) -> str:
    """Start runs until one is reviewed, or one goes through, and return it. The others end as they would."""
    for _ in range(most):
        env.pass_time(seconds=1)
        run = await env.start(**inputs)
        await env.settle()
        is_reviewed = (await env.view(run)).status is RunStatus.WAITING
        if is_reviewed == reviewed:
            return run
        if is_reviewed:
            assert isinstance(await env.decide(run), Decided)
            await env.settle()
    raise AssertionError("the draw never came out that way")


async def test_everything_is_reviewed_until_people_agree(env: EngineEnv) -> None:
    for _ in range(5):
        await approved(env)
    plan = await plan_of(env)
    assert (plan.state.stage, plan.state.clean, plan.state.reviewed, plan.state.bad) == (PlanStage.ALL, 5, 5, 0)
    assert plan.state.proposal is not None
    request = await env.request(plan.state.proposal)
    assert request.title == "Review only 10% of “Pay” from now on?"
    assert [approver.person.email for approver in request.approvers] == [KIM.value]
    shown = dict(request.show)
    assert shown["In a row"] == "3 reviewed without a correction"
    assert shown["Worst case"].startswith("1 in ")
    for _ in range(5):
        await approved(env)


async def test_who_wrote_the_file_does_not_decide_and_a_no_begins_anew(env: EngineEnv) -> None:
    for _ in range(3):
        await approved(env)
    plan = await plan_of(env)
    assert plan.state.proposal is not None
    assert not isinstance(await env.decide(plan.state.proposal, by=SAM), Decided)
    await agree(env, plan, Verdict.REJECT)
    plan = await plan_of(env)
    assert (plan.state.stage, plan.state.clean, plan.state.proposal) == (PlanStage.ALL, 0, None)


async def test_no_answer_in_two_weeks_begins_anew(env: EngineEnv) -> None:
    for _ in range(3):
        await approved(env)
    env.pass_time(days=14, seconds=1)
    await env.settle()
    plan = await plan_of(env)
    assert (plan.state.stage, plan.state.clean, plan.state.proposal) == (PlanStage.ALL, 0, None)


async def test_bad_news_withdraws_the_question(env: EngineEnv) -> None:
    for _ in range(3):
        await approved(env)
    proposal = (await plan_of(env)).state.proposal
    assert proposal is not None
    run = await start_until(env, reviewed=True)
    assert isinstance(await env.decide(run, Verdict.REJECT), Decided)
    await env.settle()
    withdrawn = await env.request(proposal)
    assert withdrawn.model.state is RequestState.CANCELLED
    assert request_outcome.ended(withdrawn)[0] == "Signoff withdrew this, "
    assert request_outcome.ended(withdrawn)[-1] == (
        ". There was bad news, so the evidence for this does not hold any more"
    )
    assert not isinstance(await env.decide(proposal, by=KIM), Decided)
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    assert await findings(env) == []


@pytest.mark.parametrize("reason", ["idle", "too_old"])
async def test_an_agreement_lapses(env: EngineEnv, reason: str) -> None:
    await relax(env)
    for _ in range(5 if reason == "too_old" else 0):
        env.pass_time(days=15)
        await start_until(env, reviewed=False)
    env.pass_time(days=16 if reason == "too_old" else 21)
    await env.settle()
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    (entry,) = await contents(env, "autonomy.lapsed")
    assert entry["reason"] == reason
    assert await findings(env) == []


@pytest.mark.parametrize("jump", [{"days": 90}, {"days": 3650}, {"days": -1}, {"days": -400}, {"seconds": -30}])
async def test_a_clock_that_jumps_never_makes_an_agreement_last_longer(env: EngineEnv, jump: dict[str, float]) -> None:
    """The first run after the jump is reviewed, also if no process has looked at the plan yet."""
    await approved(env)  # the log begins before all jumps
    env.pass_time(days=500)
    plan = await relax(env, 2)
    env.pass_time(**jump)
    run = await env.start()
    if jump == {"seconds": -30}:
        assert (await plan_of(env)).state.stage is PlanStage.SAMPLE
        return
    await env.settle()
    assert (await env.view(run)).status is RunStatus.WAITING
    await env.engine.process_due(f"{sampling_plans.WORK}{plan.id}")  # as the hint of the draw asks for
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    (entry,) = await contents(env, "autonomy.lapsed")
    assert entry["reason"] in ("too_old", "idle", "wrong_clock")
    assert await findings(env) == []


async def test_a_share_is_reviewed_and_the_rest_is_recorded_as_not_reviewed(env: EngineEnv) -> None:
    await relax(env)
    run = await start_until(env, reviewed=False)
    assert await env.engine.requests_of_run(run) == []
    assert "gate.sampled_out" in await env.kinds(run)
    assert len(env.step.calls) >= 4
    drawn = await start_until(env, reviewed=True)
    assert (await plan_of(env)).state.waits_for == (await env.request(drawn)).id


@pytest.mark.parametrize("inputs", [{"amount": 201}, {"amount": 10_000}])
async def test_above_the_cap_everything_is_reviewed(env: EngineEnv, inputs: dict[str, Any]) -> None:
    plan = await relax(env)
    for _ in range(20):
        await approved(env, **inputs)
    assert (await plan_of(env)).state.reviewed == plan.state.reviewed


async def test_while_a_drawn_request_waits_everything_is_reviewed(env: EngineEnv) -> None:
    await relax(env)
    drawn = await start_until(env, reviewed=True)
    for _ in range(20):
        await approved(env)
    assert isinstance(await env.decide(drawn), Decided)
    await start_until(env, reviewed=False)


async def test_who_withdraws_what_was_drawn_gets_another_review(env: EngineEnv) -> None:
    await relax(env)
    drawn = await start_until(env, reviewed=True)
    assert isinstance(await env.engine.cancel(Cancel(run=drawn, actor=ANN, origin=TERMINAL)), Done)
    await env.settle()
    assert (await plan_of(env)).state.owed == 1
    await pay_what_is_owed(env)


@pytest.mark.parametrize("on_expiry", ["stop", "reject"])
async def test_what_was_drawn_and_expired_is_owed_at_once(env: EngineEnv, on_expiry: str) -> None:
    """Before its run has gone on: what counts is that no one looked."""
    more = f"edit: [text], expires: 1h, on_expiry: {on_expiry}"
    await env.register(flow(source=FLOW.replace("edit: [text]", more)))
    await relax(env)
    drawn = await start_until(env, reviewed=True)
    env.pass_time(hours=1, seconds=1)
    await env.engine.process_due((await env.request(drawn)).id)
    assert (await env.view(drawn)).status is RunStatus.WAITING
    state = (await plan_of(env)).state
    assert (state.stage, state.owed, state.waits_for) == (PlanStage.SAMPLE, 1, None)
    found = await env.rows("SELECT run, is_later FROM gate_draw WHERE is_later AND request IS NOT NULL")
    assert found == [(drawn, True)]
    await env.settle()
    assert (await plan_of(env)).state == state
    assert await findings(env) == []


async def pay_what_is_owed(env: EngineEnv) -> int:
    """Let others start runs and Lee approve them until nothing is owed, and return how many. One may be drawn."""
    for number in range(1, 100):
        await approved(env)
        if (await plan_of(env)).state.owed == 0:
            return number
    raise AssertionError("what is owed is never paid")


async def test_a_new_version_a_new_class_and_a_new_step_start_at_zero(env: EngineEnv) -> None:
    await relax(env)
    await env.register(flow(", class: '{{ inputs.text }}'"))
    for _ in range(3):
        await approved(env)
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    await agree(env, await plan_of(env))
    await start_until(env, reviewed=False)
    for _ in range(20):
        await approved(env, text="another class")
    assert len(await env.rows("SELECT 1 FROM sampling_plan")) == 3


async def rejected(env: EngineEnv) -> None:
    run = await start_until(env, reviewed=True)
    assert isinstance(await env.decide(run, Verdict.REJECT), Decided)
    await env.settle()


async def edited(env: EngineEnv) -> None:
    run = await start_until(env, reviewed=True)
    assert isinstance(await env.decide(run, edits={"text": "better"}), Decided)
    await env.settle()


async def failed(env: EngineEnv) -> str:
    """Let a run fail that went through without review, and return it."""
    works = env.step.play

    async def fail(params: PlayedParams, context: StepContext) -> Mapping[str, Any]:
        unreviewed = await env.rows("SELECT run FROM gate_draw WHERE request IS NULL")
        if (context.run,) in unreviewed:
            raise StepError("the bank said no")
        return dict(await works(params, context))

    env.step.play = fail
    run = await start_until(env, reviewed=False)
    assert (await env.view(run)).status is RunStatus.FAILED
    env.step.play = works
    return run


async def incident(env: EngineEnv) -> None:
    run = await start_until(env, reviewed=False)
    command = ReportIncident(run=run, reason="The customer got it twice.", actor=SAM, origin=TERMINAL)
    assert await env.engine.report_incident(command) == IncidentNoted(run=run, plans=1, tightened=1)
    assert "run.incident" in await env.kinds(run)


async def by_hand(env: EngineEnv) -> None:
    plan = await plan_of(env)
    command = TightenPlan(plan=plan.id, reason="Audit week.", actor=SAM, origin=TERMINAL)
    assert await env.engine.tighten(command) == PlanTightened(plan=plan.id, was_sample=True)


@pytest.mark.parametrize("is_joined", [False, True], ids=["one person", "two accounts of one human"])
async def test_who_started_the_run_is_no_reviewer_of_it(env: EngineEnv, is_joined: bool) -> None:
    """Lee is the only approver, and approves what Lee asked for: allowed, and no evidence."""
    if is_joined:
        one = DirectoryPerson("Lee", (Address("slack", "U1"), LEE, ANN), joined=True)
        await env.store.transact(lambda tx: identities.adopt(tx, "default", one) and None)
    for _ in range(5):
        await own(env, ANN if is_joined else LEE)
    plan = await plan_of(env)
    assert (plan.state.clean, plan.state.reviewed, plan.state.by_requester) == (0, 0, 5)
    assert plan.state.proposal is None
    if is_joined:
        return
    for _ in range(3):
        await approved(env)
    proposal = (await plan_of(env)).state.proposal
    assert proposal is not None
    shown = dict((await env.request(proposal)).show)
    assert shown["Left out"] == "5 that the person approved who had started the run: no one reviews their own program."
    await agree(env, await plan_of(env))
    (entry,) = await contents(env, "autonomy.relaxed")
    assert (entry["reviewed"], entry["by_requester"]) == (3, 5)
    assert await findings(env) == []


async def own(env: EngineEnv, requester: Address, verdict: Verdict = Verdict.APPROVE) -> str:
    """Let Lee decide a run that `requester` started, and return it."""
    env.pass_time(seconds=1)
    started = await env.engine.start(Start(workflow="flow", inputs={}, actor=requester, origin=TERMINAL))
    assert isinstance(started, Started)
    await env.settle()
    if (await env.view(started.run)).status is RunStatus.WAITING:
        assert isinstance(await env.decide(started.run, verdict), Decided)
        await env.settle()
    return started.run


async def test_a_drawn_request_that_its_requester_approves_is_owed(env: EngineEnv) -> None:
    """Otherwise a program of the approver would never be reviewed by another person."""
    await relax(env)
    for _ in range(200):
        run = await own(env, LEE)
        if await env.engine.requests_of_run(run):
            break
    state = (await plan_of(env)).state
    assert (state.owed, state.waits_for, state.reviewed, state.by_requester) == (1, None, 3, 1)
    await own(env, LEE)
    assert (await plan_of(env)).state.owed >= 1, "what is owed is not paid by the next one of one's own"
    left_out = (await plan_of(env)).state.by_requester
    paid = await pay_what_is_owed(env)
    state = (await plan_of(env)).state
    assert (state.owed, state.reviewed, state.by_requester) == (0, 3 + paid, left_out)
    assert await findings(env) == []


async def test_bad_news_about_ones_own_request_counts(env: EngineEnv) -> None:
    await relax(env)
    for _ in range(200):
        run = await own(env, LEE, Verdict.REJECT)
        if await env.engine.requests_of_run(run):
            break
    assert (await plan_of(env)).state.stage is PlanStage.ALL


BAD_NEWS = {
    BadNews.REJECTED: rejected,
    BadNews.EDITED: edited,
    BadNews.FAILED: failed,
    BadNews.INCIDENT: incident,
    BadNews.BY_HAND: by_hand,
}


@pytest.mark.parametrize("news", BAD_NEWS)
async def test_bad_news_of_any_kind_brings_back_the_review_of_everything(env: EngineEnv, news: BadNews) -> None:
    await relax(env)
    await BAD_NEWS[news](env)
    plan = await plan_of(env)
    assert (plan.state.stage, plan.state.clean, plan.state.agreed_by) == (PlanStage.ALL, 0, None)
    for _ in range(20):
        await approved(env)
    (entry,) = await contents(env, "autonomy.tightened")
    assert entry["reason"] == news


async def test_an_undone_approval_brings_back_the_review_of_everything(env: EngineEnv) -> None:
    await env.register(flow(source=HELD))
    for _ in range(3):
        await held(env)
    await agree(env, await plan_of(env))
    run = await start_until(env, reviewed=True, most=1_000)
    assert isinstance(await env.decide(run), Decided)
    await undo(env, run)
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    (entry,) = await contents(env, "autonomy.tightened")
    assert entry["reason"] == BadNews.UNDONE
    assert (await env.view(run)).status is RunStatus.WAITING, "what is asked again is asked, and not drawn"
    assert await findings(env) == []


HELD = FLOW.replace("edit: [text]", "edit: [text], hold: 1h")


async def waits_for_its_hold(env: EngineEnv, edits: Mapping[str, Any] | None = None) -> str:
    """Approve a run whose approval can be undone for an hour, and return the run."""
    env.pass_time(seconds=1)
    run = await env.start()
    await env.settle()
    assert isinstance(await env.decide(run, edits=edits or {}), Decided)
    await env.settle()
    return run


async def undo(env: EngineEnv, run: str) -> None:
    command = Undo(request=(await env.request(run)).id, actor=LEE, origin=TERMINAL, assurance=Assurance.TERMINAL)
    assert isinstance(await env.engine.undo(command), ApprovalUndone)
    await env.settle()


async def counts(env: EngineEnv) -> tuple[int, int, int]:
    """Return how many were good in a row, reviewed, and bad."""
    state = (await plan_of(env)).state
    return state.clean, state.reviewed, state.bad


async def test_an_approval_counts_once_it_can_no_longer_be_undone(env: EngineEnv) -> None:
    await env.register(flow(source=HELD))
    for _ in range(3):
        await waits_for_its_hold(env)
    assert await counts(env) == (0, 0, 0)
    assert (await plan_of(env)).state.proposal is None, "no one is asked to agree on approvals that may be undone"
    env.pass_time(hours=1, seconds=1)
    await env.settle()
    assert await counts(env) == (3, 3, 0)
    assert (await plan_of(env)).state.proposal is not None


@pytest.mark.parametrize("edits", [{}, {"text": "better"}], ids=["approved", "edited"])
async def test_an_undone_approval_counts_as_corrected_once(env: EngineEnv, edits: Mapping[str, Any]) -> None:
    await env.register(flow(source=HELD))
    await held(env)
    await undo(env, await waits_for_its_hold(env, edits))
    assert await counts(env) == (0, 2, 1)
    env.pass_time(hours=1, seconds=1)
    await env.settle()
    assert await counts(env) == (0, 2, 1)


@pytest.mark.parametrize("edits", [{}, {"text": "better"}], ids=["approved", "edited"])
async def test_an_approval_whose_run_is_cancelled_counts_as_it_was_given(
    env: EngineEnv, edits: Mapping[str, Any]
) -> None:
    await env.register(flow(source=HELD))
    run = await waits_for_its_hold(env, edits)
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    await env.settle()
    assert await counts(env) == ((0, 1, 1) if edits else (1, 1, 0))


async def test_everything_is_reviewed_while_a_drawn_request_can_be_undone(env: EngineEnv) -> None:
    """Otherwise a burst of requests would go through before the person has taken the approval back."""
    await env.register(flow(source=HELD))
    for _ in range(3):
        await held(env)
    await agree(env, await plan_of(env))
    run = await start_until(env, reviewed=True, most=1_000)
    drawn = (await env.request(run)).id
    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    assert (await plan_of(env)).state.waits_for == drawn
    for _ in range(20):
        await waits_for_its_hold(env)
    env.pass_time(hours=1, seconds=1)
    await env.settle()
    assert (await plan_of(env)).state.waits_for is None
    assert await findings(env) == []


async def held(env: EngineEnv) -> None:
    """Approve a run, and wait until its hold is over."""
    run = await waits_for_its_hold(env)
    env.pass_time(hours=1, seconds=1)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_another_key_of_the_server_reviews_everything(env: EngineEnv) -> None:
    await relax(env)
    await start_until(env, reviewed=False)
    env.advancer.key = b"x" * 32
    for _ in range(3):
        await approved(env)
    await env.settle()
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    (entry,) = await contents(env, "autonomy.lapsed")
    assert (entry["reason"], "salt" in entry) == ("new_key", False)
    assert await findings(env) == []


async def test_without_a_key_everything_is_reviewed_and_no_one_is_asked(env: EngineEnv) -> None:
    env.advancer.key = None
    for _ in range(5):
        await approved(env)
    assert (await plan_of(env)).state.proposal is None


async def test_nothing_goes_through_outside_of_working_hours(env: EngineEnv) -> None:
    """The clock of a test begins on a Monday at nine, in UTC, and so do the working hours."""
    await env.register(flow(source=FLOW.replace("edit: [text]", "edit: [text], hours: true, expires: 2d")))
    await relax(env)
    env.pass_time(hours=10)
    for _ in range(15):
        await approved(env)
    env.pass_time(hours=14)
    await start_until(env, reviewed=False)


AFTER = """
name: flow
owner: sam@example.com
inputs:
  amount: {type: number, default: 20}
  text: {type: text, default: hello}
steps:
  - id: pay
    uses: set
    with: {text: "{{ inputs.text }}"}
    gate: {at: after, approvers: [lee@example.com], edit: [text], autonomy: PLAN}
  - {id: send, uses: played, with: {text: "{{ steps.pay.text }}"}}
"""


async def test_a_gate_after_a_step_lets_its_output_through(env: EngineEnv) -> None:
    await env.register(flow(source=AFTER))
    await relax(env)
    run = await start_until(env, reviewed=False)
    view = await env.view(run)
    assert (view.status, view.is_unreviewed) == (RunStatus.SUCCEEDED, True)
    assert [step.step for step in view.steps if step.is_unreviewed] == ["pay"]
    await failed(env)
    assert (await plan_of(env)).state.stage is PlanStage.ALL
    assert await findings(env) == []


async def test_what_is_tried_again_is_asked(env: EngineEnv) -> None:
    """Only the first visit of a run to a step is drawn."""
    await relax(env)
    run = await failed(env)
    await agree(env, await again_enough(env))
    assert isinstance(await env.engine.try_again(TryAgain(run=run, actor=SAM, origin=TERMINAL)), Done)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.WAITING


async def again_enough(env: EngineEnv) -> LoadedPlan:
    for _ in range(3):
        await approved(env)
    return await plan_of(env)


async def test_only_the_owner_and_admins_may_bring_back_the_review(env: EngineEnv) -> None:
    plan = await relax(env)
    command = TightenPlan(plan=plan.id, reason="no", actor=ANN, origin=TERMINAL)
    assert isinstance(await env.engine.tighten(command), NotAllowed)
    run = await start_until(env, reviewed=False)
    assert isinstance(
        await env.engine.report_incident(ReportIncident(run=run, reason="no", actor=ANN, origin=TERMINAL)), NotAllowed
    )
    empty = ReportIncident(run=run, reason="  ", actor=SAM, origin=TERMINAL)
    assert isinstance(await env.engine.report_incident(empty), NotAllowed)
    unknown = TightenPlan(plan="nothing", reason="no", actor=SAM, origin=TERMINAL)
    assert isinstance(await env.engine.tighten(unknown), NotFound)
    assert (await plan_of(env)).state.stage is PlanStage.SAMPLE


async def test_those_who_agreed_are_told_of_bad_news(env: EngineEnv) -> None:
    await relax(env)
    env.channel.posted.clear()
    await rejected(env)
    told = {copy.address for copy in env.channel.posted.values() if "in full again" in copy.card.title}
    assert told == {SAM.value, KIM.value}


async def test_a_minor_edit_is_no_correction(env: EngineEnv) -> None:
    await env.register(flow(", minor: [text]"))
    await relax(env)
    await edited(env)
    assert (await plan_of(env)).state.stage is PlanStage.SAMPLE


@pytest.mark.parametrize("is_erased", [False, True])
async def test_bad_news_finds_the_plans_of_what_was_reviewed_while_everything_is(
    env: EngineEnv, is_erased: bool
) -> None:
    """Only the first request has a row of its draw; of the others the request itself says which plan counted it."""
    await approved(env)
    run = await approved(env)
    assert (await plan_of(env)).state.clean == 2
    if is_erased:
        await env.store.transact(lambda tx: erasure.erase_run(tx, DEFAULT_WORKSPACE, run))
    command = ReportIncident(run=run, reason="The customer got it twice.", actor=SAM, origin=TERMINAL)
    assert await env.engine.report_incident(command) == IncidentNoted(run=run, plans=1, tightened=0)
    state = (await plan_of(env)).state
    assert (state.stage, state.clean, state.reviewed) == (PlanStage.ALL, 0, 2)
    assert await env.rows("SELECT count(*) FROM gate_draw") == [(1,)]


async def test_a_list_of_plans_says_when_a_plan_counted_last(env: EngineEnv) -> None:
    for _ in range(2):
        await approved(env)
        (view,) = await env.store.read(lambda connection: plan_views(connection, DEFAULT_WORKSPACE))
        assert view.used_at == env.clock.now()


async def contents(env: EngineEnv, kind: str) -> list[dict[str, Any]]:
    """Return the contents of all entries of this kind."""
    rows = await env.rows("SELECT content, leaf FROM audit ORDER BY seq")
    read: list[tuple[Any, Any]] = [(json_values.loads(content), json_values.loads(leaf)) for content, leaf in rows]
    return [content for content, leaf in read if leaf["kind"] == kind]


async def findings(env: EngineEnv) -> list[str]:
    """Return what is wrong with the chain, the draws and the tables."""

    def look(connection: Connection) -> list[str]:
        lines = [*audit_log.export(connection, DEFAULT_WORKSPACE)]
        chain = verify_audit.verify(lines).findings
        drawn, draws = verify_draws.verify(lines)
        assert draws.checked + draws.waiting >= 0
        return [*map(str, chain), *drawn, *reconciliation.compare(connection, DEFAULT_WORKSPACE)]

    return await env.store.read(look)


async def test_everyone_can_check_the_draws_when_a_stage_has_ended(env: EngineEnv) -> None:
    await relax(env)
    await start_until(env, reviewed=False)
    drawn = await start_until(env, reviewed=True)
    assert await findings(env) == []
    assert all("salt" not in entry for entry in await contents(env, "autonomy.relaxed"))
    assert isinstance(await env.decide(drawn, Verdict.REJECT), Decided)
    await env.settle()
    assert await findings(env) == []
    (ended,), (begun,) = await contents(env, "autonomy.tightened"), await contents(env, "autonomy.relaxed")
    assert sha256(bytes.fromhex(ended["salt"])).hexdigest() == begun["commitment"]


FORGED = {
    "a draw that is hidden": "DELETE FROM gate_draw WHERE request IS NULL",
    "a review that was none": "UPDATE gate_draw SET request = NULL WHERE request IS NOT NULL",
    "another plan": """UPDATE request SET details = replace(details, '"plan":"', '"plan":"another')""",
    "another content": "UPDATE gate_draw SET digest = 'other' WHERE request IS NULL",
    "a stage that no one agreed to": "UPDATE sampling_plan SET number = number + 1",
    "another salt": "UPDATE sampling_plan SET commitment = 'other'",
    "a stage that is hidden": "UPDATE sampling_plan SET stage = 'all'",
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_a_forged_row_is_found(env: EngineEnv, forgery: str) -> None:
    await relax(env)
    await start_until(env, reviewed=False)
    assert await findings(env) == []
    await env.store.transact(lambda tx: tx.connection.execute(text(FORGED[forgery])))
    assert await findings(env) != []


async def test_an_export_of_decisions_has_what_was_not_reviewed(env: EngineEnv) -> None:
    await relax(env)
    run = await start_until(env, reviewed=False)
    wanted = DecisionFilter(since=env.clock.now() - timedelta(days=1))
    (passed, *_) = await env.engine.unreviewed_visits(wanted)
    assert (passed.run, passed.step, passed.workflow) == (run, "pay", "flow")
    assert await env.engine.unreviewed_visits(wanted, passed.key) == []
    later = DecisionFilter(since=env.clock.now() + timedelta(days=1))
    assert await env.engine.unreviewed_visits(later) == []
    (line,) = decision_records.unreviewed_lines([passed], as_csv=False)
    facts: Any = json_values.loads(line)
    assert (facts["verdict"], facts["run"], facts["request"]) == ("not_reviewed", run, None)
    decided = decision_records.record((await env.engine.exported(wanted))[0])
    assert list(facts) == list(decided) == list(decision_records.KEYS)
    (row,) = decision_records.unreviewed_lines([passed], as_csv=True)
    assert len(row.split(",")) == len(decision_records.csv_head().split(","))


async def test_insights_count_what_went_through_also_when_counted_anew(env: EngineEnv) -> None:
    await relax(env)
    for _ in range(3):
        await start_until(env, reviewed=False)
    ((passed,),) = await env.rows("SELECT count(*) FROM gate_draw WHERE request IS NULL")
    assert passed >= 3
    assert await env.engine.count_insights()
    assert await sampled_out(env) == passed
    assert await env.engine.count_insights(anew=True)
    assert await sampled_out(env) == passed


async def sampled_out(env: EngineEnv) -> int:
    counted = await env.engine.insights(InsightQuery(), env.clock.now())
    return sum(gate.sampled_out for gate in counted.gates)


DRAFTED = """
name: flow
owner: sam@example.com
steps:
  - {id: draft, uses: ai, with: {prompt: Write., output: {text: text}}}
  - id: pay
    uses: played
    with: {text: "{{ steps.draft.text }}"}
    gate: {approvers: [lee@example.com], autonomy: PLAN}
"""


@pytest.fixture
async def models() -> AsyncIterator[ModelService]:
    answers = [RecordedAnswer(when=(), answer={"text": "hello"})]
    async with run_model_service(answers, models=(MODEL, "another-model")) as service:
        yield service


@asynccontextmanager
async def open_drafting(
    path: Path, open_database: OpenStore, models: ModelService, model: str
) -> AsyncIterator[EngineEnv]:
    """Open a server whose drafts are written by this model."""
    client = PydanticAiClient(key=KEY, url=models.url, default_model=model)
    kinds = registry.builtin(StepServices(language_model=client)) | {"played": PlayedStep()}
    async with open_engine(path, open_store=open_database, steps=kinds) as env:
        yield env
    await client.aclose()


async def test_a_new_model_starts_at_zero(tmp_path: Path, open_database: OpenStore, models: ModelService) -> None:
    """The server is started again with another model. Nothing of what people approved before counts for it."""
    source = DRAFTED.replace("PLAN", "{clean: 3, sample: 10%, only_when: true}")
    async with open_drafting(tmp_path / "signoff.db", open_database, models, MODEL) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM}), clock=env.clock)
        await env.register(source)
        plan = await relax(env)
        assert plan.key.model == MODEL
        at = env.clock.now()
    async with open_drafting(tmp_path / "signoff.db", open_database, models, "another-model") as env:
        env.pass_time(seconds=(at - env.clock.now()).total_seconds() + 1)
        for _ in range(10):
            await approved(env)
        states = await env.rows("SELECT model, stage, clean, reviewed FROM sampling_plan ORDER BY model")
        assert [tuple(state) for state in states] == [("another-model", "all", 10, 10), (MODEL, "sample", 3, 3)]


async def test_a_restart_draws_nothing_again(tmp_path: Path, open_database: OpenStore) -> None:
    """What went through stays so, what was drawn waits, and the next draw is of the same stage."""
    path = tmp_path / "signoff.db"
    drawn: list[list[tuple[Any, ...]]] = []
    at = None
    for restart in range(3):
        async with open_engine(path, open_store=open_database) as env:
            env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM}), clock=env.clock)
            if at is None:
                await env.register(flow())
                await relax(env)
            else:
                env.pass_time(seconds=(at - env.clock.now()).total_seconds() + 1)
                await env.settle()
            assert (await env.rows(DRAWS))[: len(drawn[-1]) if drawn else 0] == (drawn[-1] if drawn else [])
            await start_until(env, reviewed=False)
            assert (await plan_of(env)).state.number == 1, restart
            drawn.append(await env.rows(DRAWS))
            assert await findings(env) == []
            at = env.clock.now()


DRAWS = "SELECT run, step, visit, plan, number, is_sample, request, digest, is_later FROM gate_draw ORDER BY at, run"
