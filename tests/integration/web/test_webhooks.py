"""Calls of other systems start runs: over real HTTP, signed or with a secret, each once, and nothing without it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.web.webhook_endpoint import MOST_REFUSED
from engine.domain import Register, Registered, RunStatus
from engine.domain.workflow_commands import ChangeWorkflowState, WorkflowState
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL
from tests.support.webhook_env import GOOD, KEY, Hooks, open_hooks

SECRETS = {"HOOK": f"whsec_{base64.b64encode(KEY).decode()}", "TOKEN": "tok-123"}
FLOW = """
name: flow
owner: sam@example.com
inputs:
  customer: {type: text, max_length: 20}
  amount: {type: money, currency: EUR}
  event: {type: text, default: none}
triggers:
  - webhook: {secret: HOOK}
    overlap: allow
    inputs:
      customer: "{{ trigger.body.customer.name }}"
      amount: {amount: "{{ trigger.body.amount }}", currency: EUR}
      event: "{{ trigger.headers['x-event'] | default('none') }}"
  - webhook: {header: X-Token, secret: TOKEN}
    inputs: {customer: "{{ trigger.body.customer }}", amount: {amount: "1.00", currency: EUR}}
steps:
  - {id: act, uses: set, with: {a: "{{ inputs.customer }}"}, gate: {approvers: [lee@example.com]}}
"""


@pytest.fixture
async def hooks(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[Hooks]:
    async with open_hooks(tmp_path, open_database, FLOW, SECRETS) as hooks:
        yield hooks


async def test_a_signed_call_starts_a_run(hooks: Hooks) -> None:
    status, facts = await hooks.send(headers={**hooks.signed(json.dumps(GOOD).encode(), "msg_1"), "X-Event": "paid"})
    assert status == 201
    (run,) = await hooks.runs()
    assert facts == {"run": run.id, "started": True, "queued": False}
    assert dict(run.inputs) == {
        "customer": "Kim",
        "amount": {"amount": "12.50", "currency": "EUR"},
        "event": "paid",
    }
    assert (run.requester.automation, run.status) == ("webhook", RunStatus.WAITING)


async def test_a_call_that_is_sent_again_starts_nothing_new(hooks: Hooks) -> None:
    first = await hooks.send()
    again = await asyncio.gather(*(hooks.send() for _ in range(5)))
    assert first[0] == 201
    assert again == [(200, {**first[1], "started": False})] * 5
    assert (await hooks.send(call="msg_2"))[0] == 201
    assert len(await hooks.runs()) == 2
    # A call that was recorded and is played again later is too old.
    old = hooks.signed(json.dumps(GOOD).encode(), "msg_3")
    hooks.env.pass_time(minutes=6)
    assert (await hooks.send(headers=old))[0] == 401


async def test_calls_at_the_same_moment_start_one_run(hooks: Hooks) -> None:
    answers = await asyncio.gather(*(hooks.send() for _ in range(10)))
    assert len(await hooks.runs()) == 1
    assert len({facts["run"] for _, facts in answers}) == 1


async def test_a_secret_in_a_header_starts_a_run(hooks: Hooks) -> None:
    body = {"customer": "Kim"}
    status, facts = await hooks.send(body, headers={"X-Token": "tok-123"})
    assert (status, facts["started"]) == (201, True)
    # Without an id, each call is a new one; with one, it is not.
    assert (await hooks.send(body, headers={"X-Token": "tok-123"}))[0] == 201
    named = {"X-Token": "tok-123", "Webhook-Id": "a1"}
    assert [(await hooks.send(body, headers=named))[0] for _ in range(2)] == [201, 200]
    form = await hooks.send(b"customer=Kim", headers={"X-Token": "tok-123"}, kind="application/x-www-form-urlencoded")
    assert form[0] == 201


async def test_unknown_names_and_wrong_proofs_are_answered_alike(hooks: Hooks) -> None:
    raw = json.dumps(GOOD).encode()
    answers = [
        await hooks.send(workflow="flo"),
        await hooks.send(workflow="x" * 200),
        await hooks.send(headers={}),
        await hooks.send(headers=hooks.signed(raw, "msg_1", key=b"other")),
        await hooks.send(headers=hooks.signed(raw + b" ", "msg_1")),
        await hooks.send(headers={"X-Token": "tok-124"}),
        await hooks.send(headers={"X-Token": ""}),
        await hooks.send(b"not json", headers={"X-Token": "no"}),
    ]
    assert answers == [answers[0]] * len(answers)
    assert answers[0][0] == 401
    assert await hooks.runs() == []


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "not valid JSON"),
        (b'{"customer": {"name": "Kim"}, "customer": {"name": "Lee"}, "amount": "1"}', 400, "twice"),
        (b"[" * 200_000, 400, "JSON"),
        (b"[]", 400, "customer"),
        ({"customer": "Kim", "amount": "12.50"}, 400, "name"),
        ({"customer": {"name": "K" * 21}, "amount": "12.50"}, 422, "customer"),
        ({"customer": {"name": "Kim"}, "amount": "12.505"}, 422, "amount"),
        ({"customer": {"name": "Kim"}, "amount": "much"}, 422, "amount"),
        (b" " * 256_001, 413, "larger"),
    ],
)
async def test_a_wrong_body_is_answered_with_the_reason_and_starts_nothing(
    hooks: Hooks, body: Any, status: int, detail: str
) -> None:
    answer, problem = await hooks.send(body)
    assert (answer, problem["status"]) == (status, status)
    assert detail in json.dumps(problem)
    assert await hooks.runs() == []
    # A corrected call with the same id is a new start.
    assert (await hooks.send())[0] == 201


async def test_expressions_are_never_read_from_a_body(hooks: Hooks) -> None:
    await hooks.send({"customer": {"name": "{{ 6 * 7 }}"}, "amount": "1"})
    (run,) = await hooks.runs()
    assert run.inputs["customer"] == "{{ 6 * 7 }}"
    assert (await hooks.env.request(run.id)).model.content.value == {"a": "{{ 6 * 7 }}"}


async def test_too_many_calls_without_the_secret_are_refused(hooks: Hooks) -> None:
    for _ in range(MOST_REFUSED):
        assert (await hooks.send(headers={}))[0] == 401
    assert (await hooks.send(headers={}))[0] == 429
    hooks.env.pass_time(minutes=11)
    assert (await hooks.send())[0] == 201


@pytest.mark.parametrize(("overlap", "answer"), [("skip", (200, False)), ("queue", (201, True))])
async def test_a_call_while_the_run_before_is_open(hooks: Hooks, overlap: str, answer: tuple[int, bool]) -> None:
    await hooks.env.register(FLOW.replace("overlap: allow", f"overlap: {overlap}"))
    _, first = await hooks.send(call="a")
    status, facts = await hooks.send(call="b")
    assert (status, facts["started"]) == answer
    assert facts["queued"] is (overlap == "queue")
    assert (facts["run"] == first["run"]) is (overlap == "skip")
    assert len(await hooks.runs()) == (1 if overlap == "skip" else 2)


async def test_a_secret_that_is_not_set_is_told_when_the_file_is_registered(hooks: Hooks) -> None:
    source = FLOW.replace("secret: HOOK", "secret: OTHER").replace("secret: TOKEN", "secret: NONE")
    answer = await hooks.env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))
    assert isinstance(answer, Registered)
    assert "SIGNOFF_SECRET_OTHER" in " ".join(answer.warnings)
    assert (await hooks.send())[0] == 401


@pytest.mark.parametrize(("overlap", "begun", "runs"), [("skip", 1, 1), ("queue", 1, 8)])
async def test_calls_at_the_same_moment_overlap_as_the_file_says(
    hooks: Hooks, overlap: str, begun: int, runs: int
) -> None:
    await hooks.env.register(FLOW.replace("overlap: allow", f"overlap: {overlap}"))
    answers = await asyncio.gather(*(hooks.send(call=f"m{number}") for number in range(8)))
    assert sorted(status for status, _ in answers) == sorted([201] * runs + [200] * (8 - runs))
    found = await hooks.runs()
    assert len(found) == runs
    assert len([run for run in found if not run.queued]) == begun
    # Each end lets exactly one more begin.
    for ended in range(1, runs + 1):
        (open_run,) = [run for run in await hooks.runs() if not run.queued and run.ended_at is None]
        await hooks.env.decide(open_run.id)
        await hooks.env.settle()
        assert len([run for run in await hooks.runs() if run.ended_at is not None]) == ended


async def test_a_call_of_a_disabled_workflow_is_refused_with_a_sentence_and_recorded(hooks: Hooks) -> None:
    for state, word in ((WorkflowState.DISABLED, "disabled"), (WorkflowState.DELETED, "deleted")):
        await hooks.env.engine.change_state(
            ChangeWorkflowState(workflow="flow", state=state, actor=SAM, origin=TERMINAL)
        )
        status, facts = await hooks.send()
        assert status == 409
        assert f"The workflow flow was {word} on " in facts["detail"]
        assert "sam@example.com" not in facts["detail"]
    assert await hooks.runs() == []
    rows = await hooks.env.rows("SELECT content FROM audit WHERE leaf LIKE '%trigger.skipped%' ORDER BY seq")
    assert [json.loads(row[0])["why"] for row in rows] == ["disabled", "deleted"]
