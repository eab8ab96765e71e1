"""The nine rules by which AgentAck (ACK001 to ACK009) tests approvals, tried on a running Signoff.

A rule names something that must not happen. Each test tries it through the doors that programs use, and looks at the
answer and at the record. `test_agentack_reads_our_record` lets the checker itself read what Signoff recorded.
docs/agents/conformance.md says what each rule means here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import agentack
import pytest
import pytest_asyncio

from engine.domain import Verdict
from tests.support.aap_env import CALL, AapEnv, new_agent, open_agents_server, past
from tests.support.server_env import ServerEnv

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerEnv]:
    async with open_agents_server(tmp_path_factory.mktemp("server")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def env(server: ServerEnv) -> AsyncIterator[AapEnv]:
    async with new_agent(server) as agent:
        yield agent


async def consume(env: AapEnv, ask: str, **body: Any) -> tuple[int, str]:
    """Try to take an approval, and return the status and the code of the answer."""
    status, answer = await env.call("POST", f"/asks/{ask}/consume", body)
    return status, answer.get("code", "consumed")


async def test_ack001_what_needs_approval_does_not_run_without_it(env: AapEnv) -> None:
    ask = await env.ask()
    assert await consume(env, ask["id"]) == (409, "not-approved")
    assert (await env.call("GET", f"/asks/{ask['id']}"))[1]["consumed_at"] is None


async def test_ack002_what_was_denied_does_not_run(env: AapEnv) -> None:
    ask = await env.ask()
    await env.decide(ask["id"], Verdict.REJECT, reason="No photo.")
    assert await consume(env, ask["id"]) == (409, "not-approved")
    assert (await env.call("GET", f"/asks/{ask['id']}"))[1]["consumed_at"] is None


@pytest.mark.parametrize(
    "arguments",
    [{"order": "A-7", "amount": 121}, {"order": "A-7"}, {"order": "A-7", "amount": 120, "currency": "USD"}, {}],
)
async def test_ack003_what_runs_is_what_was_shown(env: AapEnv, arguments: dict[str, Any]) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    assert await consume(env, ask["id"], arguments=arguments) == (409, "arguments-changed")
    assert await consume(env, ask["id"], digest="0" * 64) == (409, "arguments-changed")
    assert "ask.refused" in await env.record(ask["id"])
    # Nothing was taken, so the approved call can still run.
    assert await consume(env, ask["id"], arguments=CALL["arguments"]) == (200, "consumed")


async def test_ack003_the_action_of_an_ask_cannot_be_exchanged(env: AapEnv) -> None:
    sent = {"title": "Refund", "tool": "refund", "arguments": {"amount": 1}, "use": "once"}
    _, ask = await env.call("POST", "/asks", sent, key="k1")
    status, answer = await env.call("POST", "/asks", {**sent, "arguments": {"amount": 9_000}}, key="k1")
    assert (status, answer["code"]) == (422, "idempotency-conflict")
    assert (await env.call("GET", f"/asks/{ask['id']}"))[1]["arguments"] == {"amount": 1}


async def test_ack004_an_approval_is_good_for_one_execution(env: AapEnv) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    assert await consume(env, ask["id"]) == (200, "consumed")
    assert await consume(env, ask["id"]) == (409, "already-consumed")
    other = await env.ask()
    assert await consume(env, other["id"]) == (409, "not-approved")


async def test_ack005_an_approval_expires(env: AapEnv) -> None:
    ask = await env.ask(tool="quick_refund")
    await env.decide(ask["id"])
    _, seen = await env.call("GET", f"/asks/{ask['id']}")
    await past(datetime.fromisoformat(seen["valid_until"]))
    assert await consume(env, ask["id"]) == (409, "approval-lapsed")


async def test_ack006_no_step_comes_before_the_one_before_it(env: AapEnv) -> None:
    ask = await env.ask()
    seen = await env.request(ask["id"])
    report = {"status": "succeeded"}
    assert (await env.call("POST", f"/asks/{ask['id']}/outcome", report))[1]["code"] == "not-consumed"
    assert await consume(env, ask["id"]) == (409, "not-approved")
    await env.decide(ask["id"])
    assert (await env.call("POST", f"/asks/{ask['id']}/outcome", report))[1]["code"] == "not-consumed"
    # A second decision of what is decided.
    assert type(await env.try_to_decide(ask["id"], Verdict.REJECT, seen=seen)).__name__ == "AlreadyDecided"
    assert await consume(env, ask["id"]) == (200, "consumed")
    assert (await env.call("POST", f"/asks/{ask['id']}/outcome", report))[0] == 200
    # What is over cannot be withdrawn, decided or taken.
    assert (await env.call("POST", f"/asks/{ask['id']}/cancel", {}))[0] == 409
    assert await consume(env, ask["id"]) == (409, "already-consumed")


async def test_ack007_a_denial_is_not_gone_around(env: AapEnv) -> None:
    denied = await env.ask()
    await env.decide(denied["id"], Verdict.REJECT, reason="No photo.")
    # The same intent by another call: people are asked about that one, and the answer to the first is no permission.
    again = await env.ask(title="Refund, again", arguments={"order": "A-7", "amount": 119})
    assert again["id"] != denied["id"]
    assert (again["status"], await consume(env, again["id"])) == ("pending", (409, "not-approved"))
    assert await consume(env, denied["id"], arguments={"order": "A-7", "amount": 119}) == (409, "not-approved")


@pytest.mark.parametrize("is_approved", [False, True])
async def test_ack008_what_was_interrupted_does_not_run(env: AapEnv, is_approved: bool) -> None:
    ask = await env.ask()
    if is_approved:
        await env.decide(ask["id"])
    assert (await env.call("POST", f"/asks/{ask['id']}/cancel", {"reason": "The customer called."}))[0] == 200
    assert await consume(env, ask["id"]) == (409, "not-approved")


async def test_ack009_the_record_is_whole(env: AapEnv) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    await consume(env, ask["id"])
    await env.call("POST", f"/asks/{ask['id']}/outcome", {"status": "succeeded"})
    kinds = await env.record(ask["id"])
    order = ["run.started", "request.opened", "request.approved", "step.granted", "ask.consumed", "ask.outcome"]
    assert [kind for kind in kinds if kind in order] == order


async def test_agentack_reads_our_record(env: AapEnv) -> None:
    ask = await env.ask()
    request = await env.request(ask["id"])
    await env.decide(ask["id"])
    await consume(env, ask["id"])
    _, seen = await env.call("POST", f"/asks/{ask['id']}/outcome", {"status": "succeeded"})
    denied = await env.ask(arguments={"order": "B-1", "amount": 5})
    await env.decide(denied["id"], Verdict.REJECT, reason="No photo.")
    _, refused = await env.call("GET", f"/asks/{denied['id']}")
    events = [*_trace(seen, request.model.id), *_trace(refused, (await env.request(denied["id"])).model.id)]
    end = max(event.timestamp for event in events)
    report = agentack.evaluate_events([*events, _event("session_end", end)])
    assert report.status == "PASS", report.findings
    # The checker is awake: the same record with another amount in the execution fails.
    swapped = agentack.Action(tool="refund", operation="call", parameters={"order": "A-7", "amount": 9_000})
    forged = [
        _event("action_executed", end, like=event, action=swapped) if event.type == "action_executed" else event
        for event in events
    ]
    assert "ACK003" in agentack.evaluate_events([*forged, _event("session_end", end)]).rule_counts


def _trace(ask: dict[str, Any], request: str) -> list[agentack.TraceEvent]:
    """Return what Signoff tells of an ask, as a trace of AgentAck."""
    action = agentack.Action(tool=ask["tool"], operation="call", parameters=ask["arguments"])
    known = {"action_id": ask["id"], "approval_id": request}
    began, decided = _time(ask["created_at"]), _time(ask["decision"]["at"])
    allowed = ask["decision"]["verdict"] == "approved"
    until = _time(ask["valid_until"]) if allowed else None
    events = [
        _event("action_proposed", began, action_id=ask["id"], action=action),
        _event("approval_requested", began, action=action, **known),
        _event("approval_decision", decided, decision="allow" if allowed else "deny", expires_at=until, **known),
    ]
    if ask["consumed_at"] is None:
        return [*events, _event("action_blocked", decided + timedelta(microseconds=1), **known)]
    return [*events, _event("action_executed", _time(ask["consumed_at"]), action=action, **known)]


def _event(kind: str, at: datetime, *, like: agentack.TraceEvent | None = None, **facts: Any) -> agentack.TraceEvent:
    if like is not None:
        facts = {"action_id": like.action_id, "approval_id": like.approval_id, **facts}
    return agentack.TraceEvent(type=kind, timestamp=at, session_id="session-1", **facts)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
