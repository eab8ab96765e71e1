"""What approvers edited before a call is there for later steps, in `steps.<id>.approved`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import RunStatus, Verdict
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine

FLOW = """
name: flow
owner: sam@example.com
inputs: {ask: {type: boolean, default: true}}
steps:
  - id: pay
    uses: played
    with: {text: as asked}
    gate: {when: "{{ inputs.ask }}", approvers: [lee@example.com], edit: [text], on_reject: tell}
  - {id: wait, uses: wait, with: {for: 1h}}
  - {id: tell, uses: played, with: {text: "paid {{ steps.pay.approved.text | default('nothing') }}"}}
  - {id: whole, uses: set, with: {output: "{{ steps.pay | default('none') }}"}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


@pytest.mark.parametrize(
    ("ask", "verdict", "told"),
    [
        (True, Verdict.APPROVE, "paid as edited"),
        (False, None, "paid as asked"),
        (True, Verdict.REJECT, "paid nothing"),
    ],
)
async def test_later_steps_read_what_was_called(env: EngineEnv, ask: bool, verdict: Verdict | None, told: str) -> None:
    await env.register(FLOW)
    run = await env.start(ask=ask)
    await env.settle()
    if verdict is not None:
        edits = {"text": "as edited"} if verdict is Verdict.APPROVE else {}
        await env.decide(run, verdict, edits=edits)
        await env.settle()
    env.pass_time(hours=2)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert env.step.calls[-1][0].text == told
    whole = next(step for step in (await env.view(run)).steps if step.step == "whole")
    assert "approved" not in str(whole.output), "what is passed on is the output alone"
