"""Drafts against what people approved, by prompt and model, on both databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from bot.devtools.language_model import MODEL
from bot.presentation import evaluation_report
from engine import evaluation, workflowfile
from engine.domain import DEFAULT_WORKSPACE, Decided, Erase, Erased, Verdict
from engine.evaluation import PromptReport
from engine.language_model import TokenPrices
from engine.ports import StepServices
from engine.read_models import DecisionFilter, RequestView
from engine.replay import Correction
from engine.service import Engine
from engine.steps import registry
from engine.store import judged_drafts, workflows
from engine.store.connection import Connection
from tests.support.databases import OpenStore
from tests.support.documents import Page
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, PlayedStep, open_engine
from tests.support.language_model import Writer, open_writer

ANSWER: Final = {"subject": "Hello", "body": "Dear Ann, hello."}
FLOW: Final = """
name: flow
owner: sam@example.com
steps:
  - id: draft
    uses: ai
    with: {prompt: "PROMPT {{ review.comment }}", output: {subject: text, body: long_text}}
    gate: {at: after, approvers: [lee@example.com], revise: draft}
  - id: send
    uses: played
    with: {text: "{{ steps.draft.subject }}"}
"""
PRICES: Final = {MODEL: TokenPrices(Decimal("1"), Decimal("4"))}


@pytest.fixture
async def writer() -> AsyncIterator[Writer]:
    async with open_writer(prices=PRICES) as opened:
        opened.answers(ANSWER)
        yield opened


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore, writer: Writer) -> AsyncIterator[EngineEnv]:
    kinds = registry.builtin(StepServices(language_model=writer.client)) | {"played": PlayedStep()}
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps=kinds) as env:
        yield env


async def decide(env: EngineEnv, prompt: str, *answers: tuple[Verdict, dict[str, Any] | None]) -> str:
    await env.register(FLOW.replace("PROMPT", prompt))
    run = await env.start()
    for verdict, edits in answers:
        await env.settle()
        assert isinstance(await env.decide(run, verdict, edits=edits), Decided)
        env.pass_time(seconds=1)
    await env.settle()
    return run


async def evaluated(env: EngineEnv) -> list[PromptReport]:
    def read(connection: Connection) -> list[PromptReport]:
        (workflow,) = workflows.load_named(connection, DEFAULT_WORKSPACE, "flow")

        def load(view: RequestView) -> workflowfile.Workflow:
            source = workflows.load_source(connection, workflow, view.workflow_version)
            return workflowfile.load(source, kinds=env.advancer.kinds, registered=True)

        wanted = DecisionFilter(since=datetime(2000, 1, 1, tzinfo=UTC))
        return evaluation.reports(judged_drafts.judged_drafts(connection, DEFAULT_WORKSPACE, wanted, load))

    return await env.store.read(read)


async def test_each_prompt_has_its_own_figures(env: EngineEnv, writer: Writer) -> None:
    runs = [
        await decide(env, "Write.", answer)
        for answer in ((Verdict.APPROVE, None), (Verdict.APPROVE, {"subject": "Hallo"}), (Verdict.REJECT, None))
    ]
    await decide(env, "Write well.", (Verdict.APPROVE, None))
    newest, first = await evaluated(env)
    assert (newest.drafts, newest.unchanged, newest.versions) == (1, 1, {2})
    assert (first.drafts, first.unchanged, first.approved, first.versions) == (3, 1, 2, {1})
    assert first.corrections == {Correction.EDITED: 1, Correction.REJECTED: 1}
    assert first.prompt.model == newest.prompt.model
    assert first.prompt.digest != newest.prompt.digest
    subject, body = first.fields["subject"], first.fields["body"]
    assert (subject.drafts, subject.changed, subject.mean_distance) == (2, 1, 1 / 5)
    assert (body.drafts, body.changed, body.mean_distance) == (2, 0, 0)
    assert first.calls == 3
    costs = [call.cost for run in runs for call in (await env.view(run)).steps[0].model_calls]
    assert first.cost == sum(cost for cost in costs if cost is not None) > 0
    assert first.unknown_costs == 0


async def test_a_draft_that_was_sent_back_counts_and_its_next_draft_too(env: EngineEnv, writer: Writer) -> None:
    await decide(env, "Write.", (Verdict.REVISE, None), (Verdict.APPROVE, None))
    (report,) = await evaluated(env)
    assert (report.drafts, report.unchanged, report.calls) == (2, 1, 2)
    assert report.corrections == {Correction.CHANGES_REQUESTED: 1}


async def test_what_was_erased_says_nothing(env: EngineEnv, writer: Writer) -> None:
    run = await decide(env, "Write.", (Verdict.REJECT, None))
    admin = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    erased = await admin.erase(Erase(run=run, actor=SAM, reason="asked for", origin=TERMINAL))
    assert isinstance(erased, Erased)
    assert await evaluated(env) == []


async def test_the_report_says_how_sure_it_is(env: EngineEnv, writer: Writer) -> None:
    await decide(env, "Write.", (Verdict.APPROVE, None))
    await decide(env, "Write.", (Verdict.APPROVE, {"body": "Dear Ann, bye."}))
    (report,) = await evaluated(env)
    head, rate, edited, cost = evaluation_report.sentences(report)
    assert head == f"Draft, prompt {report.prompt.digest}, {report.prompt.model}, version 1: 2 drafts"
    assert rate == "  Approved as they were: 1 (50.0%, between 1.3% and 98.7% (95% sure))."
    assert edited == "  Approved with changes: 1."
    assert cost.startswith("  Cost: 0.0")
    assert [row[:3] for row in evaluation_report.rows(report)] == [
        ("body", "2", "1 (50.0%)"),
        ("subject", "2", "0 (0.0%)"),
    ]
    facts = evaluation_report.facts(report)
    (documented,) = (block for block in Page.of("commands.md").blocks if block.section == "signoff evaluate")
    (example,) = json.loads(documented.text)
    assert [*example] == [*facts]
    assert [*example["fields"][0]] == [*facts["fields"][0]]  # type: ignore[index, misc]
    assert facts["unchanged_between"] == [Decimal("0.012579"), Decimal("0.987421")]
