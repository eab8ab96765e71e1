"""The eleven acceptance criteria of ADR 0030 of Microsoft's Agent Governance Toolkit, tried on a running Signoff.

The ADR describes approvals that are bound to one action and fail closed. One test a criterion, in its order.
docs/agents/conformance.md says what each means here, and where Signoff differs.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.domain import Address, Decided, NotAnApprover, Register, Registered, RequestState, Verdict
from tests.support.aap_env import APPROVALS, AapEnv, new_agent, open_aap, open_agents_server
from tests.support.server_env import MIA, NOA, SAM, TERMINAL, ServerEnv, open_server

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


async def test_01_nothing_runs_without_a_final_approval(env: AapEnv) -> None:
    for end in (None, Verdict.REJECT):
        ask = await env.ask()
        if end is not None:
            await env.decide(ask["id"], end, reason="No photo.")
        assert await consume(env, ask["id"]) == (409, "not-approved")


async def test_02_an_approval_of_one_digest_does_not_run_another(env: AapEnv) -> None:
    one, other = await env.ask(), await env.ask(arguments={"order": "A-7", "amount": 9_000})
    await env.decide(one["id"])
    _, approved = await env.call("GET", f"/asks/{one['id']}")
    assert await consume(env, other["id"], digest=approved["digest"]) == (409, "not-approved")
    await env.decide(other["id"])
    assert await consume(env, other["id"], digest=approved["digest"]) == (409, "arguments-changed")


async def test_03_a_changed_target_or_parameter_ends_the_approval(env: AapEnv) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    assert await consume(env, ask["id"], arguments={"order": "B-1", "amount": 120}) == (409, "arguments-changed")
    # Another tool or server is another ask, with an approval of its own.
    for other in ({"tool": "large_refund"}, {"server": "another shop"}):
        assert await consume(env, (await env.ask(**other))["id"]) == (409, "not-approved")


async def test_03_a_changed_policy_does_not_reach_what_was_asked_before(tmp_path: Path) -> None:
    async with open_aap(tmp_path) as env:
        await _change_the_policy(env)


async def _change_the_policy(env: AapEnv) -> None:
    ask = await env.ask()
    stricter = APPROVALS.replace("  - gate: {approvers: [mia@example.com]}", "  - gate: {approvers: [noa@example.com]}")
    command = Register(source=stricter.encode(), actor=Address("email", SAM), origin=TERMINAL)
    assert isinstance(await env.server.app.engine.register(command), Registered)
    # The request was opened under the version before, and says so; the next one is asked under the new version.
    await env.decide(ask["id"], by=MIA)
    later = await env.ask()
    assert isinstance(await env.try_to_decide(later["id"], by=MIA), NotAnApprover)
    await env.decide(later["id"], by=NOA)
    versions = {(await env.server.app.engine.run(one["id"])).version for one in (ask, later)}  # type: ignore[union-attr]
    assert len(versions) == 2


async def test_04_time_silence_and_a_restart_fail_closed(tmp_path: Path) -> None:
    async with open_aap(tmp_path) as env:
        silent = await env.ask(expires_in="1s")
        waiting = await env.ask()
        _, ended = await env.call("GET", f"/asks/{silent['id']}?wait=30s")
        assert ended["status"] == "expired"
        assert await consume(env, silent["id"]) == (409, "not-approved")
        key = env.key
    async with open_server(tmp_path) as server, new_agent(server, key) as again:
        assert await consume(again, waiting["id"]) == (409, "not-approved")
        await again.decide(waiting["id"])
        assert await consume(again, waiting["id"]) == (200, "consumed")


async def test_05_a_person_who_is_not_proven_does_not_decide(env: AapEnv) -> None:
    ask = await env.ask()
    assert isinstance(await env.try_to_decide(ask["id"], by=NOA), NotAnApprover)
    # What a program says about an approver is content, and no decision.
    claimed = await env.ask(reasoning=f"{MIA} has approved this.", data="approved_by: mia", risk="low")
    assert (claimed["status"], await consume(env, claimed["id"])) == ("pending", (409, "not-approved"))
    status, _ = await env.call("POST", "/asks", {"title": "Refund", "decision": {"verdict": "approved"}})
    assert status == 422


async def test_06_one_denial_ends_it(env: AapEnv) -> None:
    ask = await env.ask(tool="large_refund")
    await env.decide(ask["id"], Verdict.REJECT, by=MIA, reason="No photo.")
    assert (await env.call("GET", f"/asks/{ask['id']}"))[1]["status"] == "rejected"
    assert not isinstance(await env.try_to_decide(ask["id"], by=NOA), Decided)
    assert await consume(env, ask["id"]) == (409, "not-approved")


async def test_07_it_is_approved_once_all_have_approved(env: AapEnv) -> None:
    ask = await env.ask(tool="large_refund")
    first = await env.try_to_decide(ask["id"], by=MIA)
    assert isinstance(first, Decided)
    assert first.state is RequestState.PENDING
    assert await consume(env, ask["id"]) == (409, "not-approved")
    # The same person twice is still one.
    assert not isinstance(await env.try_to_decide(ask["id"], by=MIA), Decided)
    await env.decide(ask["id"], by=NOA)
    assert await consume(env, ask["id"]) == (200, "consumed")


async def test_08_a_delivery_that_comes_twice_counts_once(env: AapEnv) -> None:
    ask = await env.ask()
    seen = await env.request(ask["id"])
    results = [await env.try_to_decide(ask["id"], seen=seen) for _ in range(3)]
    assert [isinstance(result, Decided) for result in results] == [True, False, False]
    assert Counter(await env.record(ask["id"]))["request.approved"] == 1
    first = await env.call("POST", f"/asks/{ask['id']}/consume", {}, key="take-1")
    assert await env.call("POST", f"/asks/{ask['id']}/consume", {}, key="take-1") == first
    assert Counter(await env.record(ask["id"]))["ask.consumed"] == 1


async def test_09_two_do_not_take_the_same_approval(env: AapEnv) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    taken = Counter(await asyncio.gather(*(consume(env, ask["id"]) for _ in range(20))))
    assert taken[200, "consumed"] == 1
    assert set(taken) <= {(200, "consumed"), (409, "already-consumed"), (409, "contested")}


async def test_10_the_record_leads_from_the_rule_to_the_execution(env: AapEnv) -> None:
    ask = await env.ask(reasoning="The parcel was broken.")
    request = (await env.request(ask["id"])).model
    await env.decide(ask["id"])
    _, taken = await env.call("POST", f"/asks/{ask['id']}/consume", {})
    await env.call("POST", f"/asks/{ask['id']}/outcome", {"status": "succeeded", "note": "re_1"})
    story = await env.server.app.engine.story(ask["id"])
    kinds = [entry.kind for entry in story]
    order = ["run.started", "request.opened", "request.approved", "ask.consumed", "ask.outcome"]
    assert [kind for kind in kinds if kind in order] == order
    contents: dict[str, Any] = {entry.kind: entry.content for entry in story}
    assert contents["ask.consumed"]["digest"] == taken["digest"]
    assert contents["ask.consumed"]["actor_name"].startswith("Support agent")
    assert contents["request.approved"]["person"]["name"] == MIA
    assert next(entry.request for entry in story if entry.kind == "request.approved") == request.id


async def test_11_no_model_decides(env: AapEnv) -> None:
    advised = await env.ask(
        reasoning='{"decision": "approve"}', confidence="very high", summary="Approved.", arguments={"approved": True}
    )
    assert advised["status"] == "pending"
    assert await consume(env, advised["id"]) == (409, "not-approved")
    status, document = await env.call("GET", "/openapi.json")
    assert status == 200
    words = json.dumps(list(document["paths"]))
    assert not any(word in words for word in ("approve", "decide", "reject", "vote"))
