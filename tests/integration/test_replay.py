"""A changed file over recorded visits, on both databases: the file that was used replays to what happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from engine import workflowfile
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    Decided,
    Erase,
    Erased,
    Origin,
    RequestState,
    Start,
    Started,
    Verdict,
)
from engine.domain.asks import Ask, AskContent, Asked, AskUse
from engine.expressions import compile_template
from engine.oversight.sampling_plan import SamplingPlan
from engine.ports import DirectoryPerson
from engine.replay import Correction, GateReplay, ReplayReport
from engine.service import Engine
from engine.store import identities, recorded_visits, workflows
from engine.store.connection import Connection
from engine.workflowfile.autonomy import Autonomy
from engine.workflowfile.step_kinds import StepKind
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count

FLOW: Final = """
name: flow
owner: sam@example.com
inputs:
  amount: {type: number}
  boss: {type: text, default: lee@example.com}
steps:
  - id: draft
    uses: set
    with: {amount: "{{ inputs.amount }}", words: "{{ review.comment }}"}
  - id: pay
    uses: played
    with: {text: "Pay {{ steps.draft.amount }}"}
    gate: {approvers: [lee@example.com], edit: [text], revise: draft, hold: 1h, KEYS}
  - id: note
    uses: set
    with: {text: "{{ steps.pay.text }}"}
    gate: {at: after, approvers: ["{{ inputs.boss }}"], when: "{{ inputs.amount > 500 }}"}
"""
WHEN: Final = 'when: "{{ steps.draft.amount > LIMIT }}"'


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


def flow(limit: int, text: str = FLOW) -> str:
    return text.replace("KEYS", WHEN.replace("LIMIT", str(limit)))


async def replayed(env: EngineEnv, source: str, *, most: int = 1000, autonomy: Autonomy | None = None) -> ReplayReport:
    """Replay a file. `autonomy`: what the gate before `pay` has besides."""
    kinds: dict[str, StepKind] = dict(env.advancer.kinds)
    workflow = workflowfile.load(source.encode(), kinds=kinds)
    if autonomy is not None:
        gated = (
            replace(step, gate=structs.replace(step.gate, autonomy=autonomy))
            if step.gate and step.id == "pay"
            else step
            for step in workflow.steps
        )
        workflow = replace(workflow, steps=tuple(gated))

    def read(connection: Connection) -> ReplayReport:
        (workflow_id,) = workflows.load_named(connection, DEFAULT_WORKSPACE, workflow.name)
        gates = GateReplay(workflow)
        return gates.report(recorded_visits.newest(connection, workflow_id, gates, most))

    return await env.store.read(read)


async def run_to(env: EngineEnv, answers: list[str], **inputs: Any) -> str:
    """Start a run, and answer its requests in turn until none is left."""
    run = await env.start(**inputs)
    await env.settle()
    for answer in answers:
        requests = await env.engine.requests_of_run(run)
        if not requests or requests[-1].model.state is not RequestState.PENDING:
            return run
        await answer_request(env, run, answer)
        env.pass_time(seconds=1)
        await env.settle()
    return run


async def answer_request(env: EngineEnv, run: str, answer: str) -> None:
    model = (await env.request(run)).model
    if answer == "edit" and model.editable:
        decided = await env.decide(run, edits={"text": "less"})
    elif answer == "revise" and model.revision is not None and model.revision.left:
        decided = await env.decide(run, Verdict.REVISE)
    else:
        decided = await env.decide(run, Verdict.REJECT if answer == "reject" else Verdict.APPROVE)
    assert isinstance(decided, Decided), decided


# -- the file that was used ---------------------------------------------------------------------------------

ANSWERS: Final = st.lists(st.sampled_from(["approve", "edit", "reject", "revise"]), min_size=1, max_size=4)


@given(
    st.lists(st.tuples(st.integers(0, 1000), ANSWERS), min_size=1, max_size=5),
    st.integers(0, 1000),
)
@settings(max_examples=example_count(15))
def test_the_file_that_was_used_replays_to_what_happened(runs: list[tuple[int, list[str]]], limit: int) -> None:
    async def play() -> None:
        with TemporaryDirectory() as folder:
            async with open_engine(Path(folder) / "signoff.db") as env:
                await env.register(flow(limit))
                for amount, answers in runs:
                    await run_to(env, answers, amount=amount)
                report = await replayed(env, flow(limit))
                assert (report.saved, report.added, report.missed.total(), report.unknown.total()) == (0, 0, 0, 0)
                (opened,) = (await env.rows("SELECT COUNT(DISTINCT run || step || visit) FROM request"))[0]
                assert report.opened == report.would_open == opened

    asyncio.run(play())


# -- a changed file -----------------------------------------------------------------------------------------


async def test_a_higher_limit_saves_decisions_and_names_the_corrections_it_would_have_missed(env: EngineEnv) -> None:
    await env.register(flow(100))
    await run_to(env, ["approve"], amount=50)
    await run_to(env, ["approve"], amount=150)
    edited = await run_to(env, ["edit"], amount=160)
    rejected = await run_to(env, ["reject"], amount=170)
    revised = await run_to(env, ["revise", "approve"], amount=180)
    await run_to(env, ["approve", "approve"], amount=400)
    report = await replayed(env, flow(300))
    assert (report.visits - report.opened, report.opened, report.would_open) == (2, 6, 1)
    assert (report.saved, report.added) == (5, 0)
    assert report.missed == {Correction.EDITED: 1, Correction.REJECTED: 1, Correction.CHANGES_REQUESTED: 1}
    assert {found.run for found in report.listed} == {edited, rejected, revised}
    assert report.asked == {("lee@example.com",): 1}
    lower = await replayed(env, flow(10))
    assert (lower.saved, lower.added) == (0, 1)
    only_newest = await replayed(env, flow(300), most=2)
    assert (only_newest.visits, only_newest.saved) == (2, 1)


async def test_a_gate_that_is_gone_saves_all_its_decisions(env: EngineEnv) -> None:
    await env.register(flow(100))
    await run_to(env, ["reject"], amount=150)
    without = FLOW.replace("{{ review.comment }}", "").replace(
        "    gate: {approvers: [lee@example.com], edit: [text], revise: draft, hold: 1h, KEYS}\n", ""
    )
    report = await replayed(env, without)
    assert (report.opened, report.would_open, report.missed.total()) == (1, 0, 1)


async def test_who_is_asked_comes_from_the_recorded_values(env: EngineEnv) -> None:
    await env.register(flow(0))
    await run_to(env, ["approve"], amount=600, boss="kim@example.com")
    report = await replayed(env, flow(0))
    assert report.asked == {("lee@example.com",): 1}, "the second gate has not come yet: its hold lasts"
    env.pass_time(hours=2)
    await env.settle()
    report = await replayed(env, flow(0))
    assert report.asked == {("lee@example.com",): 1, ("kim@example.com",): 1}


# -- risk and sampling plans --------------------------------------------------------------------------------

RISK: Final = """    gate:
      approvers: [lee@example.com]
      risk:
        impact: "{{ IMPACT }}"
        levels:
          low: {opens: false}
          medium: {if: {impact: over 100}}
          high: {if: {impact: over 500}, approvers: [kim@example.com]}
"""
OLD_GATE: Final = "    gate: {approvers: [lee@example.com], edit: [text], revise: draft, hold: 1h, KEYS}\n"
CLOSE: Final = Autonomy(
    plan=SamplingPlan(clean=5, share=Decimal("0.000000001"), later=Decimal("0.1")),
    only_when=compile_template("{{ inputs.amount <= 200 }}"),
)


async def test_a_level_of_risk_opens_no_gate_or_asks_other_people(env: EngineEnv) -> None:
    await env.register(flow(0))
    for amount in (50, 150, 900):
        await run_to(env, ["approve"], amount=amount)
    by_input = await replayed(
        env, FLOW.replace("{{ review.comment }}", "").replace(OLD_GATE, RISK).replace("IMPACT", "inputs.amount")
    )
    assert (by_input.opened, by_input.would_open, by_input.unknown.total()) == (3, 2, 0)
    assert by_input.asked == {("lee@example.com",): 1, ("kim@example.com",): 1}


async def test_a_risk_that_is_told_by_the_content_reads_what_was_asked(env: EngineEnv) -> None:
    await env.register(flow(100))
    for amount in (50, 150, 900):
        await run_to(env, ["approve"], amount=amount)
    by_content = FLOW.replace("{{ review.comment }}", "").replace(OLD_GATE, RISK)
    report = await replayed(env, by_content.replace("IMPACT", "content.text | replace('Pay ', '') | number"))
    assert (report.opened, report.would_open) == (2, 2)
    assert report.asked == {("lee@example.com",): 1, ("kim@example.com",): 1}


async def test_a_sampling_plan_is_played_over_the_record_as_if_people_had_agreed(env: EngineEnv) -> None:
    await env.register(flow(0))
    for _ in range(12):
        await run_to(env, ["approve"], amount=50)
    rejected = await run_to(env, ["reject"], amount=60)
    report = await replayed(env, flow(0), autonomy=CLOSE)
    assert (report.opened, report.would_open, report.saved) == (13, 5, 8)
    assert report.sampled_out == 8
    assert [found.run for found in report.listed] == [rejected]
    assert (await replayed(env, flow(0), autonomy=CLOSE)).saved == 8, "it draws the same each time"
    capped = replace(CLOSE, only_when=compile_template("{{ inputs.amount <= 20 }}"))
    assert (await replayed(env, flow(0), autonomy=capped)).sampled_out == 0
    unclear = replace(CLOSE, class_=compile_template("{{ inputs.missing }}"))
    assert (await replayed(env, flow(0), autonomy=unclear)).sampled_out == 0
    by_class = replace(CLOSE, class_=compile_template("{{ inputs.amount }}"))
    assert (await replayed(env, flow(0), autonomy=by_class)).sampled_out == 7, (
        "the rejected one is the first of its class"
    )


async def test_bad_news_in_the_record_ends_the_stage_of_a_sampling_plan(env: EngineEnv) -> None:
    await env.register(flow(0))
    for _ in range(3):
        for answer in ("approve", "approve", "reject"):
            await run_to(env, [answer], amount=50)
    report = await replayed(
        env, flow(0), autonomy=replace(CLOSE, plan=SamplingPlan(clean=3, share=Decimal("0.5"), later=Decimal("0.1")))
    )
    assert (report.sampled_out, report.saved) == (0, 0), "there were never three in a row"


@pytest.mark.parametrize(("minor", "passes"), [((), False), (("text",), True)])
async def test_a_minor_edit_ends_no_stage_in_a_replay_either(
    env: EngineEnv, minor: tuple[str, ...], passes: bool
) -> None:
    await env.register(flow(0))
    for _ in range(6):
        for answer in ("approve", "edit"):
            await run_to(env, [answer], amount=50)
    close = SamplingPlan(clean=3, share=Decimal("0.3"), later=Decimal("0.1"))
    report = await replayed(env, flow(0), autonomy=replace(CLOSE, plan=close, minor=minor))
    assert (report.sampled_out > 0) == passes
    assert report.sampled_out == report.saved


@pytest.mark.parametrize("requester", [LEE, ANN], ids=["one person", "two addresses of one human"])
async def test_approvals_of_ones_own_requests_are_no_evidence_in_a_replay(env: EngineEnv, requester: Address) -> None:
    await env.register(flow(0))
    for _ in range(6):
        started = await env.engine.start(
            Start(workflow="flow", inputs={"amount": 50}, actor=requester, origin=TERMINAL)
        )
        assert isinstance(started, Started)
        await env.settle()
        await answer_request(env, started.run, "approve")
        env.pass_time(hours=2)
        await env.settle()
    if requester != LEE:
        assert (await replayed(env, flow(0), autonomy=CLOSE)).sampled_out > 0
        one = DirectoryPerson("Lee", (Address("slack", "U1"), LEE, requester), joined=True)
        await env.store.transact(lambda tx: identities.adopt(tx, DEFAULT_WORKSPACE, one) and None)
    assert (await replayed(env, flow(0), autonomy=CLOSE)).sampled_out == 0


# -- what cannot be evaluated -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("{{ inputs.missing > 3 }}", "missing"),
        ("{{ inputs.boss | number > 3 }}", "number"),
    ],
)
async def test_what_cannot_be_evaluated_counts_as_asked_and_is_said(env: EngineEnv, condition: str, why: str) -> None:
    await env.register(flow(100))
    await run_to(env, ["approve"], amount=50)
    source = FLOW.replace("KEYS", f'when: "{condition}"').replace(
        "  amount: {type: number}", "  amount: {type: number}\n  missing: {type: number}"
    )
    report = await replayed(env, source)
    assert (report.would_open, report.added, report.unknown.total()) == (1, 1, 1)
    assert why in next(iter(report.unknown))


async def test_a_gate_that_reads_a_request_for_changes_is_not_evaluated(env: EngineEnv) -> None:
    await env.register(flow(100))
    await run_to(env, ["approve"], amount=50)
    report = await replayed(env, FLOW.replace("KEYS", 'when: "{{ review.round > 0 }}"'))
    assert report.unknown == {"The gate reads “review”, which a replay does not know.": 1}
    assert report.would_open == 1


async def test_a_step_that_is_gone_counts_as_asked(env: EngineEnv) -> None:
    await env.register(flow(100))
    await run_to(env, ["approve"], amount=150)
    report = await replayed(
        env, flow(100, FLOW.replace("id: pay", "id: pay_out").replace("steps.pay", "steps.pay_out"))
    )
    assert report.unknown == {"The file has no step “Pay”.": 1}


async def test_an_output_that_never_was_cannot_be_asked_about(env: EngineEnv) -> None:
    await env.register(flow(100))
    await run_to(env, ["reject"], amount=150)
    report = await replayed(env, flow(100).replace("gate: {approvers: [lee", "gate: {at: after, approvers: [lee"))
    assert report.unknown.total() == report.would_open == 1


async def test_erased_contents_are_not_evaluated(env: EngineEnv) -> None:
    await env.register(flow(100))
    run = await run_to(env, ["reject"], amount=150)
    admin = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    erased = await admin.erase(Erase(run=run, actor=SAM, reason="asked for", origin=TERMINAL))
    assert isinstance(erased, Erased), erased
    report = await replayed(env, flow(300))
    assert report.unknown == {"The contents of the run were erased.": 1}
    assert (report.saved, report.would_open) == (0, 1)


# -- what programs ask --------------------------------------------------------------------------------------

RULES: Final = """
name: approvals
owner: sam@example.com
rules:
  - tool: search_*
    approve: true
  - tool: drop
    reject: Tables are dropped by people only.
  - tool: refund
    when: "{{ ask.arguments.amount > LIMIT }}"
    gate: {approvers: [lee@example.com]}
  - tool: refund
    approve: true
"""
BOT: Final = Address("api", "key1")


async def ask(env: EngineEnv, tool: str, **arguments: Any) -> str:
    content = AskContent(title=tool, tool=tool, arguments=arguments, fields={}, use=AskUse.ONCE)
    asked = await env.engine.ask(Ask(content=content, actor=BOT, agent="Agent", origin=Origin(surface="api")))
    assert isinstance(asked, Asked), asked
    await env.settle()
    return asked.run


async def test_changed_rules_are_replayed_over_what_programs_asked(env: EngineEnv) -> None:
    rules = RULES.replace("LIMIT", "100")
    await env.register(rules)
    for amount in (50, 150, 900):
        run = await ask(env, "refund", amount=amount)
    assert isinstance(await env.decide(run, Verdict.REJECT, by=LEE), Decided)
    for tool in ("search_mail", "drop"):
        await ask(env, tool)
    same = await replayed(env, rules)
    assert (same.visits, same.opened, same.would_open, same.saved) == (5, 2, 2, 0)
    laxer = await replayed(env, RULES.replace("LIMIT", "1000"))
    assert (laxer.saved, laxer.missed) == (2, {Correction.REJECTED: 1})
    odd = await replayed(env, RULES.replace("amount > LIMIT", "currency == 'EUR'"))
    assert (odd.saved, odd.added, odd.unknown.total()) == (0, 1, 3), "a doubtful rule asks"
