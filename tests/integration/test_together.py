"""Several requests are decided with one press of a button, each by itself: through the engine, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import (
    AloneReason,
    AlreadyDecided,
    Assurance,
    Changed,
    Decide,
    DecideAlone,
    Decided,
    RequestState,
    Verdict,
)
from engine.read_models import RequestView
from engine.steps.form import FormStep
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, TERMINAL, EngineEnv, open_engine

FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: played
    with: {{text: hello}}
    gate: {{approvers: [lee@example.com, kim@example.com], edit: [text]{keys}}}
"""
FORM = """
name: flow
owner: sam@example.com
steps:
  - {id: fill, uses: form, approvers: lee@example.com, fields: {note: {type: text}}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


@pytest.fixture
async def forms(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    steps = {"form": FormStep()}
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps=steps) as env:
        yield env


async def opened(env: EngineEnv, keys: str = "") -> RequestView:
    await env.register(FLOW.format(keys=keys))
    run = await env.start()
    await env.settle()
    return await env.request(run)


def approval(request: RequestView, *, version: int = 1) -> Decide:
    return Decide(
        request=request.id,
        verdict=Verdict.APPROVE,
        actor=LEE,
        content_version=version,
        digest=request.model.digest,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
    )


async def test_each_is_decided_by_itself_and_what_changed_or_was_decided_is_left_out(env: EngineEnv) -> None:
    requests = [await opened(env) for _ in range(5)]
    await env.decide(requests[1].run, Verdict.REJECT)
    commands = [approval(request) for request in requests]
    commands[3] = approval(requests[3], version=2)
    results = await env.engine.decide_together(commands)
    assert [type(result) for result in results] == [Decided, AlreadyDecided, Decided, Changed, Decided]
    await env.settle()
    states = [(await env.request(request.run)).model.state for request in requests]
    approved, rejected, pending = RequestState.APPROVED, RequestState.REJECTED, RequestState.PENDING
    assert states == [approved, rejected, approved, pending, approved]
    assert len(env.step.calls) == 3


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (", batch: false", AloneReason.GATE),
        (", irreversible: true", AloneReason.IRREVERSIBLE),
        (", irreversible: true, batch: true", AloneReason.IRREVERSIBLE),
        (", policy: {quorum: 2}", AloneReason.SECOND_PERSON),
        (", policy: all", AloneReason.SECOND_PERSON),
        (", confirm_with: code", AloneReason.CONFIRMATION),
        (', confirm: "Sure?"', AloneReason.QUESTION),
    ],
)
async def test_what_needs_a_look_of_its_own_is_never_decided_together(
    env: EngineEnv, keys: str, why: AloneReason
) -> None:
    alone, other = await opened(env, keys), await opened(env)
    results = await env.engine.decide_together([approval(alone), approval(other)])
    assert results[0] == DecideAlone(why=why)
    assert isinstance(results[1], Decided)
    assert (await env.request(alone.run)).model.state is RequestState.PENDING


async def test_a_form_is_never_decided_together(forms: EngineEnv) -> None:
    await forms.register(FORM)
    run = await forms.start()
    await forms.settle()
    results = await forms.engine.decide_together([approval(await forms.request(run))])
    assert results == [DecideAlone(why=AloneReason.FORM)]
