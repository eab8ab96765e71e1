"""Programs that lie, repeat, race and die: what they try is refused with a sentence, and nothing runs twice."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.aap import protocol_ids
from engine.domain import Verdict
from tests.support.aap_env import AapEnv, new_agent, open_agents_server, run_of
from tests.support.killable_agent import POINTS
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


class Agent:
    """An agent in a process of its own. `effects`: the file in which its tool writes a line."""

    def __init__(self, env: AapEnv, effects: Path) -> None:
        self._env, self._effects = env, effects

    async def start(self, stop_at: str = "-") -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.killable_agent", stop_at, str(self._effects)),
            env={**os.environ, "SIGNOFF_URL": self._env.server.url, "SIGNOFF_API_KEY": self._env.key},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    @property
    def ran(self) -> int:
        """How often the tool ran."""
        return len(self._effects.read_text().splitlines()) if self._effects.exists() else 0


async def until(agent: asyncio.subprocess.Process, point: str) -> str:
    """Wait until the agent says that it reached a point, and return what it says of it."""
    assert agent.stdout is not None
    while line := (await agent.stdout.readline()).decode().split():
        if line[0] == point:
            return line[1]
    raise AssertionError(f"the agent ended before it reached {point}")


@pytest.mark.parametrize("point", POINTS)
async def test_an_agent_that_is_killed_anywhere_acts_at_most_once(env: AapEnv, tmp_path: Path, point: str) -> None:
    agent = Agent(env, tmp_path / "effects.txt")
    killed = await agent.start(point)
    asked = await until(killed, "asked")
    if point != "asked":
        await env.decide(asked)
        await until(killed, point)
    killed.kill()
    await killed.wait()

    again = await agent.start()
    assert await until(again, "asked") == asked
    if point == "asked":
        await env.decide(asked)
    taken_before = POINTS.index(point) >= POINTS.index("consumed")
    assert await until(again, "refused" if taken_before else "reported") == (
        "already_consumed" if taken_before else asked
    )
    await again.wait()
    # Killed between taking it and acting, the tool never ran: no one can know, so it is not run again.
    assert agent.ran == (0 if point == "consumed" else 1)
    assert (await env.record(asked)).count("ask.consumed") == 1


@pytest.mark.parametrize("point", ["consumed", "acted"])
async def test_the_owner_is_asked_what_a_killed_agent_did(env: AapEnv, tmp_path: Path, point: str) -> None:
    # The workflow waits one second for the outcome of this tool, and then asks.
    client = env.async_client()
    asked = await client.create({"tool": "reported_refund", "arguments": {}, "timeout": "10m"}, point)
    await env.decide(asked.id)
    await client.consume(asked.id, "take-1")
    status = ""
    while status != "needs_attention":
        run = await env.server.app.engine.run(run_of(asked.id))
        assert run is not None
        status = run.status.value
        await asyncio.sleep(0.05)
    assert "step.outcome_unknown" in await env.record(asked.id)
    seen = await client.get(asked.id)
    assert seen.consumption is not None
    assert seen.consumption.outcome is None
    # An agent that comes back late may still say it.
    late = await client.report_outcome(asked.id, "succeeded")
    assert late.consumption is not None
    assert late.consumption.outcome is not None
    assert late.consumption.outcome.status == "succeeded"


CALLS = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/consume"),
    ("POST", "/outcome"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_stolen_id_says_nothing_to_another_key(env: AapEnv, method: str, path: str) -> None:
    asked = await env.async_client().create({"tool": "refund", "arguments": {}, "timeout": "10m"}, "k1")
    await env.decide(asked.id)
    thief = await env.new_key("Thief")
    answers = []
    for id_ in (asked.id, protocol_ids.to_uuid("0" * 17)):
        body = {"status": "succeeded"} if path == "/outcome" else None
        response = await env.send(method, f"/v1/requests/{id_}{path}", body, bearer=thief, key="c1")
        answers.append((response.status_code, response.json()["error"]["code"]))
    # What exists and what does not look the same. That it was tried is on the record of the ask.
    assert answers == [(404, "not_found")] * 2
    assert "ask.refused" in await env.record(asked.id)
    seen = await env.async_client().get(asked.id)
    assert (seen.status, seen.consumption) == ("approved", None)


@pytest.mark.parametrize("action", ["consume", "outcome", "cancel"])
async def test_a_stolen_id_says_nothing_by_our_own_api(env: AapEnv, action: str) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    thief = await env.new_key("Thief")
    body = {"status": "succeeded"} if action == "outcome" else {}
    status, answer = await env.call("POST", f"/asks/{ask['id']}/{action}", body, bearer=thief)
    assert (status, answer["code"]) == (404, "not-found")
    assert answer["detail"]
    assert "ask.refused" in await env.record(ask["id"])


async def test_a_key_that_was_revoked_does_nothing_more(env: AapEnv) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    await env.revoke()
    status, answer = await env.call("POST", f"/asks/{ask['id']}/consume", {})
    assert status == 401
    assert answer["detail"]


async def test_a_program_cannot_decide(env: AapEnv) -> None:
    ask = await env.ask()
    request = (await env.request(ask["id"])).model
    for path in (f"/requests/{request.id}/decide", f"/requests/{request.id}/approve", f"/asks/{ask['id']}/approve"):
        status, _ = await env.call("POST", path, {"verdict": "approve", "digest": request.digest})
        assert status in (404, 405)
    result = await env.try_to_decide(ask["id"], by="support-agent@example.com")
    assert type(result).__name__ == "NotAnApprover"


async def test_an_argument_that_changed_after_the_approval_is_refused(env: AapEnv) -> None:
    ask = await env.ask()
    await env.decide(ask["id"])
    changed = {"arguments": {"order": "A-7", "amount": 12_000}}
    status, answer = await env.call("POST", f"/asks/{ask['id']}/consume", changed)
    assert (status, answer["code"]) == (409, "arguments-changed")
    assert "amount" in answer["detail"]
    assert "ask.refused" in await env.record(ask["id"])


async def test_of_fifty_who_approve_and_fifty_who_act_one_acts(env: AapEnv) -> None:
    for _ in range(4):
        ask = await env.ask()
        seen = await env.request(ask["id"])

        async def take(number: int, id_: str = ask["id"]) -> str:
            status, answer = await env.call("POST", f"/asks/{id_}/consume", {}, key=f"take-{number}")
            return str(answer.get("code", status))

        decisions = [env.try_to_decide(ask["id"], seen=seen) for _ in range(50)]
        results: list[Any] = await asyncio.gather(*decisions, *map(take, range(50)))
        await env.settled(ask["id"])
        first = await take(50)
        decided = Counter(type(result).__name__ for result in results[:50])
        assert decided["Decided"] == 1, decided
        taken = Counter([*results[50:], first])
        assert taken["200"] == 1, taken
        assert set(taken) <= {"200", "not-approved", "already-consumed", "contested"}, taken
        kinds = Counter(await env.record(ask["id"]))
        assert (kinds["request.approved"], kinds["ask.consumed"]) == (1, 1)


async def test_of_an_approval_and_a_withdrawal_one_counts(env: AapEnv) -> None:
    client = env.async_client()
    for number in range(6):
        asked = await client.create({"tool": "refund", "arguments": {}, "timeout": "10m"}, f"k{number}")
        seen = await env.request(asked.id)
        cancel = env.send("DELETE", f"/v1/requests/{asked.id}")
        _, answer = await asyncio.gather(env.try_to_decide(asked.id, Verdict.APPROVE, seen=seen), cancel)
        state = (await client.get(asked.id)).status
        assert (answer.status_code, state) in ((200, "cancelled"), (409, "approved"))
