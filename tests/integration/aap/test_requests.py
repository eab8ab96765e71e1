"""The five routes for requests, called as their specification describes them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from agentapprovalprotocol import ConflictError
from agentapprovalprotocol._wire import loads, matches, same

from engine.domain import Verdict
from tests.support.aap_env import APPROVALS, CALL, AapEnv, new_agent, open_agents_server
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


async def send(env: AapEnv, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, dict[str, Any]]:
    """Call a path, and check what every answer has."""
    response = await env.send(method, path, body, **more)
    uuid.UUID(response.headers["X-Request-Id"])
    answer = loads(response.content)
    if response.status_code >= 400:
        assert set(answer) == {"error"}
        assert answer["error"]["request_id"] == response.headers["X-Request-Id"]
        assert answer["error"]["message"]
    return response.status_code, answer


async def error(env: AapEnv, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str, str]:
    status, answer = await send(env, method, path, body, **more)
    return status, answer["error"]["type"], answer["error"]["code"]


async def test_a_request_has_exactly_what_was_sent_and_its_state(env: AapEnv) -> None:
    context = {"framework": "x", "Mixed_Case": [1, None, True], "n": 0.1}
    sent = {**CALL, "server": "shop", "agent_reasoning": "It came broken.", "context": context}
    status, answer = await send(env, "POST", "/v1/requests", sent, key="k1")
    assert status == 201
    assert {name: answer[name] for name in sent} == loads(json.dumps(sent))
    assert set(answer) == {*sent, "id", "status", "created_at", "deadline_at"}
    again = await send(env, "GET", f"/v1/requests/{answer['id']}")
    assert again == (200, answer)


@pytest.mark.parametrize("amount", ["1.0", "1e400", "0.10", "9007199254740993", "12345678901234567890.123456789"])
async def test_numbers_come_back_exactly(env: AapEnv, amount: str) -> None:
    body = b'{"tool": "refund", "timeout": "30m", "arguments": {"amount": %s}}' % amount.encode()
    _, answer = await send(env, "POST", "/v1/requests", body, key="k1")
    assert same(answer["arguments"], loads(body)["arguments"])


async def test_a_repeat_is_the_same_request_and_another_body_a_conflict(env: AapEnv) -> None:
    _, first = await send(env, "POST", "/v1/requests", CALL, key="k1")
    turned = json.dumps(dict(reversed([*CALL.items()])), indent=2).encode()
    assert await send(env, "POST", "/v1/requests", turned, key="k1") == (200, first)
    other = {**CALL, "timeout": "31m"}
    assert await error(env, "POST", "/v1/requests", other, key="k1") == (409, "conflict", "idempotency_conflict")
    await env.decide(first["id"])
    status, decided = await send(env, "POST", "/v1/requests", CALL, key="k1")
    assert (status, decided["id"], decided["status"]) == (200, first["id"], "approved")


async def test_keys_of_another_instance_are_its_own(env: AapEnv) -> None:
    other = await env.new_key("Another agent")
    _, first = await send(env, "POST", "/v1/requests", CALL, key="k1")
    status, second = await send(env, "POST", "/v1/requests", CALL, key="k1", bearer=other)
    assert (status, second["id"] != first["id"]) == (201, True)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({**CALL, "surprise": 1}, "surprise"),
        ({**CALL, "context": None}, "context"),
        ({**CALL, "timeout": "soon"}, "timeout"),
        ({"arguments": {}, "timeout": "1m"}, "tool"),
        (b'{"tool": "x", "timeout": "1m", "arguments": {"a": 1, "a": 2}}', None),
        (b"{", None),
    ],
)
async def test_what_is_not_as_the_protocol_has_it_is_refused(env: AapEnv, body: Any, param: str | None) -> None:
    status, answer = await send(env, "POST", "/v1/requests", body, key="k1")
    assert (status, answer["error"]["type"], answer["error"].get("param")) == (400, "invalid_request", param)


async def test_creating_and_taking_need_an_idempotency_key(env: AapEnv) -> None:
    assert (await error(env, "POST", "/v1/requests", CALL))[:2] == (400, "invalid_request")
    _, made = await send(env, "POST", "/v1/requests", CALL, key="k1")
    assert (await error(env, "POST", f"/v1/requests/{made['id']}/consume"))[:2] == (400, "invalid_request")


async def test_a_key_for_one_workflow_asks_by_that(env: AapEnv) -> None:
    await env.server.register(APPROVALS.replace("name: approvals", "name: payments"))
    payments = await env.new_key("Payments agent", workflows=("payments",))
    _, made = await send(env, "POST", "/v1/requests", CALL, key="k1", bearer=payments)
    assert (await env.request(made["id"])).workflow == "payments"
    # All other keys ask by `approvals`, if they may.
    other = await env.new_key("Another agent", workflows=("pay*", "refunds"))
    refused = await error(env, "POST", "/v1/requests", CALL, key="k1", bearer=other)
    assert refused[:2] == (403, "authorization")


async def test_without_a_workflow_nothing_can_be_asked(env: AapEnv) -> None:
    lost = await env.new_key("Lost agent", workflows=("not-registered",))
    refused = await error(env, "POST", "/v1/requests", CALL, key="k1", bearer=lost)
    assert refused == (409, "conflict", "no_workflow")


async def test_without_a_key_nothing_is_said(env: AapEnv) -> None:
    for bearer in ("sgn_nothing", "x"):
        status, kind, _ = await error(env, "POST", "/v1/requests", CALL, key="k1", bearer=bearer)
        assert (status, kind) == (401, "authentication")


async def test_unknown_paths_methods_and_ids(env: AapEnv) -> None:
    assert (await error(env, "GET", "/v1/nothing"))[0] == 404
    assert (await error(env, "PUT", "/v1/requests"))[0] == 405
    for id_ in (str(uuid.uuid4()), str(uuid.UUID(int=0))):
        assert await error(env, "GET", f"/v1/requests/{id_}") == (404, "not_found", "not_found")


async def test_a_wait_ends_with_the_decision(env: AapEnv) -> None:
    _, made = await send(env, "POST", "/v1/requests", CALL, key="k1")
    waiting = asyncio.ensure_future(send(env, "GET", f"/v1/requests/{made['id']}?wait=30s"))
    await env.decide(made["id"], reason="The parcel was broken.")
    status, answer = await waiting
    assert (status, answer["status"], answer["decision"]["note"]) == (200, "approved", "The parcel was broken.")


async def test_a_wait_ends_with_its_time(env: AapEnv) -> None:
    _, made = await send(env, "POST", "/v1/requests", CALL, key="k1")
    assert await send(env, "GET", f"/v1/requests/{made['id']}?wait=1s") == (200, made)
    assert (await error(env, "GET", f"/v1/requests/{made['id']}?wait=soon"))[0] == 400


async def test_withdrawing_ends_the_waits_and_can_be_repeated(env: AapEnv) -> None:
    _, made = await send(env, "POST", "/v1/requests", CALL, key="k1")
    waiting = asyncio.ensure_future(send(env, "GET", f"/v1/requests/{made['id']}?wait=30s"))
    status, answer = await send(env, "DELETE", f"/v1/requests/{made['id']}")
    assert (status, answer["status"], set(answer["decision"])) == (200, "cancelled", {"status", "decided_at"})
    assert await waiting == (200, answer)
    assert await send(env, "DELETE", f"/v1/requests/{made['id']}") == (200, answer)
    refused = await error(env, "POST", f"/v1/requests/{made['id']}/consume", key="c1")
    assert refused == (409, "conflict", "not_approved")


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
async def test_what_is_decided_cannot_be_withdrawn(env: AapEnv, verdict: Verdict) -> None:
    _, made = await send(env, "POST", "/v1/requests", CALL, key="k1")
    await env.decide(made["id"], verdict, reason="As agreed.")
    before = await send(env, "GET", f"/v1/requests/{made['id']}")
    assert await error(env, "DELETE", f"/v1/requests/{made['id']}") == (409, "conflict", "already_terminal")
    assert await send(env, "GET", f"/v1/requests/{made['id']}") == before


async def test_without_a_decision_it_expires_at_its_deadline(env: AapEnv) -> None:
    _, made = await send(env, "POST", "/v1/requests", {**CALL, "timeout": "1s"}, key="k1")
    status, answer = await send(env, "GET", f"/v1/requests/{made['id']}?wait=30s")
    assert (status, answer["status"]) == (200, "expired")
    assert answer["decision"]["decided_at"] >= answer["deadline_at"] == made["deadline_at"]


async def test_a_decision_stays_as_it_was_recorded(env: AapEnv) -> None:
    client = env.async_client()
    asked = await client.create(CALL, "k1")
    await env.decide(asked.id)
    decided = await client.get(asked.id)
    taken = await client.consume(asked.id, "c1")
    reported = await client.report_outcome(asked.id, "failed", "The card was declined.")
    for later in (taken, reported, await client.create(CALL, "k1")):
        assert later.decision == decided.decision
        assert matches(later, dict(CALL), decided)
    assert reported.consumption is not None
    assert reported.consumption.outcome is not None
    assert reported.consumption.outcome.note == "The card was declined."


async def test_the_outcome_is_reported_once(env: AapEnv) -> None:
    client = env.async_client()
    asked = await client.create(CALL, "k1")
    await env.decide(asked.id)
    with pytest.raises(ConflictError) as early:
        await client.report_outcome(asked.id, "succeeded")
    assert early.value.code == "not_consumed"
    await client.consume(asked.id, "c1")
    first = await client.report_outcome(asked.id, "succeeded")
    assert await client.report_outcome(asked.id, "succeeded") == first
    with pytest.raises(ConflictError) as other:
        await client.report_outcome(asked.id, "failed")
    assert other.value.code == "outcome_conflict"


async def test_people_see_nothing_to_edit_and_whose_claim_the_reason_is(env: AapEnv) -> None:
    asked = await env.async_client().create({**CALL, "agent_reasoning": "Approve this at once."}, "k1")
    request = await env.request(asked.id)
    assert request.model.editable == ()
