"""Long polls and streams: answered at the change, after their time, and when the server stops."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import aiohttp

from bot.web.protocol import LimitedProtocol
from tests.support.api_env import ApiEnv, Reply, exchange
from tests.support.engine_env import until


def poll(api: ApiEnv, ask: str, query: str = "wait=60s") -> asyncio.Task[Reply]:
    return asyncio.ensure_future(api.call("GET", f"/asks/{ask}?{query}"))


async def test_a_poll_is_answered_at_the_decision(api: ApiEnv) -> None:
    ask = await api.ask()
    polls = [poll(api, ask["id"]), poll(api, ask["id"], f"wait=60s&after={ask['rev']}")]
    await until(lambda: len(api.api.waits) == 2)
    await api.decide(ask["id"])
    replies = await asyncio.gather(*polls)
    assert {(reply.status, reply.body["status"]) for reply in replies} == {(200, "approved")}
    assert len(api.api.waits) == 0


async def test_a_poll_without_a_change_gets_the_present_state(api: ApiEnv) -> None:
    ask = await api.ask()
    reply = await api.call("GET", f"/asks/{ask['id']}?wait=1s")
    assert (reply.status, reply.body["status"], reply.body["rev"]) == (200, "pending", ask["rev"])
    for query in ("wait=0s", "", "after=0", f"wait=60s&after={ask['rev'] - 1}"):
        assert (await api.call("GET", f"/asks/{ask['id']}?{query}")).status == 200


async def test_a_call_that_waits_keeps_only_what_its_answer_needs(api: ApiEnv) -> None:
    ask = await api.ask()
    waiting = poll(api, ask["id"])

    def kept() -> list[tuple[object, list[tuple[bytes, bytes]], set[str]]]:
        connections = [each for each in gc.get_objects() if isinstance(each, LimitedProtocol)]
        return [
            (each.parser, each.headers, set(each.cycle.scope))
            for each in connections
            if each.cycle is not None and not (each.cycle.response_complete or each.cycle.disconnected)
        ]

    await until(lambda: kept() == [(None, [], {"type", "method"})])
    await api.decide(ask["id"])
    assert (await waiting).body["status"] == "approved"


async def test_a_poll_for_what_is_over_does_not_wait(api: ApiEnv) -> None:
    ask = await api.ask(workflow="free")
    for query in ("wait=60s", f"wait=60s&after={ask['rev']}"):
        assert (await api.call("GET", f"/asks/{ask['id']}?{query}")).body["status"] == "approved"


async def test_only_a_minute_may_be_waited(api: ApiEnv) -> None:
    ask = await api.ask()
    for wait in ("61s", "2m", "5", "-1s", "1h", "", "1e1s"):
        reply = await api.call("GET", f"/asks/{ask['id']}?wait={wait}")
        assert (reply.status, list(reply.body["errors"])) == (422, ["wait"])


async def test_a_client_that_goes_away_is_not_waited_for(api: ApiEnv) -> None:
    ask = await api.ask()
    waiting = poll(api, ask["id"])
    await until(lambda: len(api.api.waits) == 1)
    waiting.cancel()
    await until(lambda: len(api.api.waits) == 0)


async def test_a_server_that_stops_answers_with_the_present_state(api: ApiEnv) -> None:
    ask = await api.ask()
    polls = [poll(api, ask["id"]) for _ in range(5)]
    stream = asyncio.ensure_future(events(api, ask["id"]))
    await until(lambda: len(api.api.waits) == 6)
    api.api.waits.close()
    replies = await asyncio.gather(*polls)
    assert {(reply.status, reply.body["status"]) for reply in replies} == {(200, "pending")}
    assert [event["status"] for event in await stream] == ["pending"]
    assert (await api.call("GET", f"/asks/{ask['id']}?wait=60s")).body["status"] == "pending"


async def events(api: ApiEnv, ask: str) -> list[dict[str, Any]]:
    """Return the events of a stream, to its end."""
    sent = {"Authorization": f"Bearer {api.key}"}
    async with api.session.get(f"{api.url}/api/v1/asks/{ask}/events", headers=sent) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        text = await response.text()
    blocks = [block.splitlines() for block in text.split("\n\n") if "event: ask" in block]
    return [json.loads(next(line for line in lines if line.startswith("data: "))[6:]) for lines in blocks]


async def test_a_stream_has_an_event_for_each_change_and_ends_with_the_last(api: ApiEnv) -> None:
    ask = await api.ask(use="once")
    stream = asyncio.ensure_future(events(api, ask["id"]))
    await until(lambda: len(api.api.waits) == 1)
    await api.decide(ask["id"])
    await until(lambda: len(api.api.waits) == 1)
    await api.call("POST", f"/asks/{ask['id']}/consume")
    await api.call("POST", f"/asks/{ask['id']}/outcome", {"status": "succeeded"})
    found = await stream
    assert [event["status"] for event in found][:1] == ["pending"]
    assert [event["rev"] for event in found] == sorted({event["rev"] for event in found})
    assert found[-1]["outcome"]["status"] == "succeeded"
    assert found[-1]["is_final"] is True


async def test_a_stream_that_its_client_leaves_is_not_waited_for(api: ApiEnv) -> None:
    ask = await api.ask()
    async with aiohttp.ClientSession() as session:
        sent = {"Authorization": f"Bearer {api.key}"}
        response = await session.get(f"{api.url}/api/v1/asks/{ask['id']}/events", headers=sent)
        await response.content.readline()
        await until(lambda: len(api.api.waits) == 1)
        response.close()
    await until(lambda: len(api.api.waits) == 0)


async def test_two_calls_on_one_connection_are_answered_in_turn(api: ApiEnv) -> None:
    ask = await api.ask(workflow="free")
    head = f"GET /api/v1/asks/{ask['id']}?wait=1s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
    answer = await exchange(api.port, f"{head}\r\n{head}Connection: close\r\n\r\n".encode())
    assert answer.count(b"HTTP/1.1 200 OK") == 2
