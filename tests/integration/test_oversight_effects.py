"""No effect follows from what Signoff itself asks, whatever it is for, whatever it says and whatever is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine import workflowfile
from engine.delivery.recipients import Resolved
from engine.domain import Cancel, OnError, Resume, ResumeAnswer, TryAgain, Verdict
from engine.domain.oversight import OVERSIGHT_WORKFLOW, About, OversightPurpose
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.read_models import RequestView
from engine.references import Reference
from engine.requests import Editable
from engine.requests.oversight_request import OversightRequest
from engine.steps import registry
from engine.store import proposed_versions, sampling_plans
from engine.store.port import Tx
from engine.store.proposed_versions import Action, ProposedVersion
from engine.store.sampling_plans import PlanKey
from engine.worker import oversight_workflow
from engine.worker.oversight_requests import open_oversight_request
from engine.workflowfile.step_kinds import Nature
from tests.support import databases, stepwise_units
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.examples import example_count

GATED = """
name: pay
owner: sam@example.com
steps:
  - id: act
    uses: played
    with: {text: hello}
    gate: {title: Pay?, approvers: [lee@example.com], edit: [text]}
"""
# What could be taken for a step, an expression or a parameter of a step with an effect.
TEXTS = st.sampled_from(
    ["hello", "{{ inputs.text }}", "{{ run.id }}", "played", "http", "https://example.com", "uses: played", ""]
) | st.text(max_size=20)
NAMES = st.sampled_from(["text", "headers", "again", "uses", "with", "steps", "url", "method", "to", "body", "a.b"])
LEAVES = TEXTS | st.integers(-(10**9), 10**9) | st.booleans() | st.none()
VALUES = st.recursive(LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=3))
CONTENTS = st.dictionaries(NAMES, VALUES, max_size=5)
ANSWERS = st.sampled_from(["approve", "edit", "reject", "expire", "cancel"])


@dataclass(frozen=True)
class Asked:
    """What Signoff asks, what becomes of it, and what people try with its run afterwards."""

    purpose: OversightPurpose
    content: dict[str, Any]
    title: str
    step: str | None
    is_disguised: bool
    answer: str
    edited: Any
    tries: list[str]


ASKED = st.builds(
    Asked,
    purpose=st.sampled_from(OversightPurpose),
    content=CONTENTS,
    title=TEXTS,
    step=st.none() | st.sampled_from(["act", "answer", "played"]),
    is_disguised=st.booleans(),
    answer=ANSWERS,
    edited=TEXTS,
    tries=st.lists(st.sampled_from(["again", "repeat", "done", "decide"]), max_size=3),
)


async def play(folder: Path, asked: Asked) -> None:
    path = stepwise_units.copy_empty_database(folder / "signoff.db")
    async with open_engine(path) as env:
        await env.register(GATED)
        await play_in(env, asked)


async def play_in(env: EngineEnv, asked: Asked) -> None:
    env.step.calls.clear()
    real = await env.request(await env.start("pay"))
    run = await ask(env, asked, real)
    await answer(env, run, asked)
    for attempt in asked.tries:
        await insist(env, run, attempt)
    assert env.step.calls == []
    assert (await env.view(run)).status.ended
    kinds = set(await env.kinds(run))
    assert not {"step.started", "step.retrying", "step.outcome_unknown"} & kinds
    assert await env.rows(f"SELECT count(*) FROM run WHERE parent = '{run}'") == [(0,)]
    assert await env.rows(f"SELECT DISTINCT step, attempt FROM step_run WHERE run = '{run}'") == [
        (oversight_workflow.STEP, 0)
    ]
    # The request that it is about, or looks like, still waits, and its step runs only once that one is approved.
    await env.decide(real.run)
    await env.settle()
    assert len(env.step.calls) == 1


async def ask(env: EngineEnv, asked: Asked, real: RequestView) -> str:
    ((workflow,),) = await env.rows("SELECT id FROM workflow WHERE name = 'pay'")
    key = PlanKey(workspace="default", workflow=workflow, version=1, step="act", class_name="", model="")
    plan = await env.store.transact(lambda tx: sampling_plans.need(tx, key))
    texts = [name for name, value in asked.content.items() if isinstance(value, str)]
    question = OversightRequest(
        workspace="default",
        purpose=asked.purpose,
        title=asked.title,
        approvers=(Reference("email", LEE.value, "reviewer"),),
        content=asked.content,
        editable=tuple(Editable((name,), Field(type=FieldType.LONG_TEXT)) for name in texts),
        about=About(run=real.run, request=real.id, workflow=workflow, version=1, step=asked.step or "act"),
        # What the followers read. Whatever else stands there, they do not look at it.
        facts={**asked.content, "plan": plan, "path": list[Value](asked.content)[:1], "real": asked.edited},
        looks_like=real.id if asked.is_disguised else None,
    )
    author = await env.engine.person(SAM)
    assert author is not None

    def write(tx: Tx, resolved: Resolved) -> str:
        run = open_oversight_request(env.advancer, tx, question, resolved)
        if asked.purpose is OversightPurpose.NEW_VERSION:
            proposed_versions.insert_row(tx, _proposal(run, author.id, tx.now))
        return run

    run = await env.engine.transact_with_directory(write)
    await env.settle()
    return run


def _proposal(run: str, author: str, at: datetime) -> ProposedVersion:
    """Return a change for the follower of such requests: to let the workflow be started, as it can be anyway."""
    return ProposedVersion(
        run=run,
        workspace="default",
        workflow="pay",
        action=Action.ENABLE,
        base=1,
        source=None,
        hash=None,
        from_version=None,
        author=author,
        proposed_at=at,
    )


async def answer(env: EngineEnv, run: str, asked: Asked) -> None:
    if asked.answer == "expire":
        env.pass_time(days=15)
    elif asked.answer == "cancel":
        sam = await env.engine.transact(lambda tx: oversight_workflow.asker(tx, "default").addresses[0])
        await env.engine.cancel(Cancel(run=run, actor=sam, origin=TERMINAL))
    else:
        places = [place.label for place in (await env.request(run)).model.editable]
        edits = dict.fromkeys(places[:1], asked.edited) if asked.answer == "edit" else {}
        verdict = Verdict.REJECT if asked.answer == "reject" else Verdict.APPROVE
        await env.decide(run, verdict, edits=edits)
        if (await env.request(run)).decision is None:
            # The edit was refused.
            await env.decide(run, verdict)
        if (await env.request(run)).decision is None:
            # A change of a gate that fits no version cannot be approved.
            assert asked.purpose is OversightPurpose.CHANGE_GATE
            await env.decide(run, Verdict.REJECT)
    await env.settle()


async def insist(env: EngineEnv, run: str, attempt: str) -> None:
    """Try to let a step of the run happen after all."""
    for actor in (LEE, SAM):
        if attempt == "again":
            await env.engine.try_again(TryAgain(run=run, actor=actor, origin=TERMINAL))
        elif attempt == "decide":
            await env.decide(run, by=actor)
        else:
            command = Resume(run=run, answer=ResumeAnswer(attempt), output={}, actor=actor, origin=TERMINAL)
            await env.engine.resume(command)
    await env.settle()


# Without shrinking: a whole engine for each example would take minutes to find a smaller one.
@settings(max_examples=example_count(25), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(ASKED)
def test_no_effect_follows_from_what_signoff_itself_asks(asked: Asked) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), asked))


@pytest.fixture
async def env(tmp_path: Path, postgres_database: str) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=databases.on_server(postgres_database)) as env:
        await env.register(GATED)
        yield env


@settings(
    max_examples=example_count(15),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ASKED)
async def test_no_effect_follows_on_postgresql_either(env: EngineEnv, asked: Asked) -> None:
    """One after the other in one database, beside what the others have left behind."""
    await play_in(env, asked)


def test_its_workflow_has_no_step_with_an_effect_and_starts_nothing() -> None:
    """Also with every step type that comes with Signoff."""
    compiled = workflowfile.load(oversight_workflow.SOURCE, kinds=registry.builtin())
    assert compiled.name == OVERSIGHT_WORKFLOW
    assert [step.kind.nature for step in compiled.steps] == [Nature.INLINE]
    assert compiled.triggers == ()
    (step,) = compiled.steps
    assert step.gate is not None
    assert (step.gate.on_reject, step.gate.revise, step.on_error) == (None, None, OnError.STOP)
