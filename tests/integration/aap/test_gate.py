"""The gate of the protocol's own library, on a real server: every way in which one of its calls can end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from agentapprovalprotocol import Allow, AsyncGate, Call, Client, Deny, Gate, Pending

from engine.domain import Verdict
from tests.support.aap_env import AapEnv, blocking, new_agent, open_aap, open_agents_server, past
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


def call(key: str = "run-1:call-1", tool: str = "refund", **more: Any) -> Call:
    return Call(key=key, tool=tool, **{"arguments": {"order": "A-7", "amount": 120, "exact": 0.1}, **more})


async def paused(env: AapEnv, asked: Call) -> str:
    """Ask as an agent that does not wait, and return the id of the request."""
    verdict = await blocking(Gate(env.client(), mode="async").check, asked)
    assert isinstance(verdict, Pending), verdict
    return verdict.request_id


async def approved(env: AapEnv, asked: Call) -> str:
    id_ = await paused(env, asked)
    await env.decide(id_)
    return id_


async def test_an_approved_call_is_taken_once_and_its_outcome_reported(env: AapEnv) -> None:
    id_ = await approved(env, call())

    def run() -> None:
        with Gate(env.client(), mode="async").guard(call()) as verdict:
            assert isinstance(verdict, Allow)
            assert verdict.request_id == id_

    await blocking(run)
    seen = await env.async_client().get(id_)
    assert seen.consumption is not None
    assert seen.consumption.outcome is not None
    assert seen.consumption.outcome.status == "succeeded"
    assert (seen.context or {})["call_id"] == "run-1:call-1"


async def test_a_tool_that_raises_is_reported_as_failed(env: AapEnv) -> None:
    id_ = await approved(env, call())

    def run() -> None:
        with Gate(env.client(), mode="async").guard(call()):
            raise RuntimeError("the card network is down")

    with pytest.raises(RuntimeError):
        await blocking(run)
    seen = await env.async_client().get(id_)
    assert seen.consumption is not None
    assert seen.consumption.outcome is not None
    assert seen.consumption.outcome.status == "failed"


async def test_the_model_reads_why_a_person_said_no(env: AapEnv) -> None:
    id_ = await paused(env, call())
    await env.decide(id_, Verdict.REJECT, reason="Refunds over 100 EUR need a photo.")
    verdict = await blocking(Gate(env.client(), mode="async").check, call())
    assert isinstance(verdict, Deny)
    assert verdict.status == "denied"
    assert verdict.reason.endswith("Their note: Refunds over 100 EUR need a photo.")


async def test_the_same_call_in_eight_replicas_runs_once(env: AapEnv) -> None:
    id_ = await approved(env, call())
    gates = [Gate(env.client(), mode="async") for _ in range(8)]
    verdicts = await asyncio.gather(*(blocking(gate.check, call()) for gate in gates))
    assert [verdict.request_id for verdict in verdicts if isinstance(verdict, Allow)] == [id_]
    assert {verdict.status for verdict in verdicts if isinstance(verdict, Deny)} == {"consumed"}


async def test_a_call_that_was_taken_is_not_taken_again(env: AapEnv) -> None:
    await approved(env, call())
    assert await blocking(Gate(env.client(), mode="async").check, call())
    again = await blocking(Gate(env.client(), mode="async").check, call())
    assert isinstance(again, Deny)
    assert again.status == "consumed"


async def test_an_agent_that_pauses_finds_the_same_request_again(env: AapEnv) -> None:
    resumed = call(resume={"framework": "test", "thread_id": "t1"})
    id_ = await paused(env, resumed)
    # It is woken too early, or by a forged message.
    assert await paused(env, resumed) == id_
    await env.decide(id_)
    verdict = await blocking(Gate(env.client(), mode="async").check, resumed)
    assert isinstance(verdict, Allow)
    assert verdict.request_id == id_
    seen = await env.async_client().get(id_)
    assert (seen.context or {})["resume"] == {"framework": "test", "thread_id": "t1"}


async def test_changed_arguments_are_another_request(env: AapEnv) -> None:
    id_ = await approved(env, call())
    changed = call(arguments={"order": "A-7", "amount": 99_999})
    assert await paused(env, changed) != id_


async def test_a_call_that_cannot_pause_waits_for_the_decision(env: AapEnv) -> None:
    gate = AsyncGate(env.async_client(), mode="async")
    waiting = asyncio.ensure_future(gate.check(call(), can_pause=False))
    id_ = await paused(env, call())
    await env.decide(id_)
    verdict = await waiting
    assert isinstance(verdict, Allow)
    assert verdict.request_id == id_


async def test_an_agent_that_waits_no_longer_withdraws_the_request(env: AapEnv) -> None:
    id_ = await paused(env, call())
    verdict = await blocking(Gate(env.client(), wait_limit=0).check, call(), can_pause=False)
    assert not isinstance(verdict, Allow)
    # The options of the gate are part of what it sends, so this was a request of its own.
    assert verdict.request_id is not None
    assert verdict.request_id != id_
    seen = await env.async_client().get(verdict.request_id)
    assert seen.status == "cancelled"
    assert (await env.request(verdict.request_id)).model.state.value == "cancelled"


async def test_an_approval_that_expired_does_not_run(env: AapEnv) -> None:
    quick = call(tool="quick_refund")
    id_ = await approved(env, quick)
    seen = await env.async_client().get(id_)
    assert seen.decision is not None
    assert seen.decision.expires_at is not None
    await past(seen.decision.expires_at)
    with pytest.raises(Exception, match="approval_expired"):
        await env.async_client().consume(id_, "take-1")
    verdict = await blocking(Gate(env.client(), mode="async").check, quick)
    assert isinstance(verdict, Deny)
    assert verdict.status == "expired"
    later = await env.async_client().get(id_)
    assert (later.status, later.decision, later.consumption) == ("approved", seen.decision, None)


async def test_a_server_that_is_away_lets_nothing_run(tmp_path: Path) -> None:
    async with open_aap(tmp_path) as env:
        id_ = await approved(env, call())
        gate = Gate(env.client(retry_budget=0.3), mode="async")
    assert id_
    verdict = await blocking(gate.check, call())
    assert isinstance(verdict, Deny)
    assert verdict.status == "error"


async def test_a_key_that_is_no_key_is_told_so(env: AapEnv) -> None:
    verdict = await blocking(Gate(env.client("sgn_wrong")).check, call())
    assert isinstance(verdict, Deny)
    assert "refused this agent's credential" in verdict.reason


async def test_a_key_without_the_word_bearer_is_told_how_to_write_it(env: AapEnv) -> None:
    url = f"{env.base_url}/v1/requests/{uuid.uuid4()}"
    for header in (env.key, f"Token {env.key}"):
        response = await env.http.get(url, headers={"Authorization": header})
        error = response.json()["error"]
        assert (response.status_code, error["type"]) == (401, "authentication")
        assert error["message"].startswith("The word Bearer is missing before this API key. Write the header")
        assert env.key not in response.text


class _LosesAnswers(httpx.HTTPTransport):
    """Loses the first answer to each call to a path, after the server has sent it."""

    def __init__(self, ending: str) -> None:
        super().__init__()
        self.ending, self.keys = ending, list[str]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.url.path.endswith(self.ending):
            self.keys.append(request.headers["idempotency-key"])
            if len(self.keys) == 1:
                response.close()
                raise httpx.ReadError("the connection broke")
        return response


@pytest.mark.parametrize("ending", ["/v1/requests", "/consume"])
async def test_a_lost_answer_is_asked_for_again_with_the_same_key(env: AapEnv, ending: str) -> None:
    id_ = await approved(env, call())
    transport = _LosesAnswers(ending)
    client = Client(env.base_url, env.key, http=httpx.Client(transport=transport, timeout=40))
    verdict = await blocking(Gate(client, mode="async").check, call())
    assert isinstance(verdict, Allow)
    assert verdict.request_id == id_
    assert len(set(transport.keys)) == 1
    assert len(transport.keys) == 2
    client.close()


async def test_the_asynchronous_gate_has_the_same_rules(env: AapEnv) -> None:
    gate = AsyncGate(env.async_client(), mode="async")
    pending = await gate.check(call())
    assert isinstance(pending, Pending)
    await env.decide(pending.request_id)
    async with gate.guard(call()) as verdict:
        assert isinstance(verdict, Allow)
    seen = await env.async_client().get(pending.request_id)
    assert seen.consumption is not None
    assert seen.consumption.outcome is not None
    again = await AsyncGate(env.async_client(), mode="async").check(call())
    assert isinstance(again, Deny)
    assert again.status == "consumed"


async def test_rules_that_pass_or_refuse_answer_at_once(env: AapEnv) -> None:
    passed = await AsyncGate(env.async_client()).check(call(tool="search_orders"))
    assert isinstance(passed, Allow)
    refused = await AsyncGate(env.async_client()).check(call("run-1:call-2", tool="drop_table"))
    assert isinstance(refused, Deny)
    assert refused.status == "denied"
    assert "Tables are dropped by people only." in refused.reason
