"""API keys at the door of the API: wrong ones, revoked ones, and calls that last longer than their key."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from bot.key_authentication import MOST_WRONG
from engine.domain.api_keys import ApiAction, ApiKeyMade, RevokeApiKey, RotateApiKey
from engine.service import ApiKeys, Engine
from tests.support.api_env import ApiEnv, Reply, served
from tests.support.engine_env import SAM, TERMINAL, until


async def revoke(api: ApiEnv, key: str = "Support agent") -> None:
    await ApiKeys(api.env.engine).revoke(RevokeApiKey(key=key, actor=SAM, origin=TERMINAL))


async def get(api: ApiEnv, key: str | None = None) -> Reply:
    return await api.call("GET", "/asks", key=key)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda key: key[:-1], "This API key is cut off. Copy the key again, to its last character."),
        (
            lambda key: f"{key}x",
            "This API key is too long: something follows it.",
        ),
        (lambda key: f"{key[:40]} {key[40:]}", "There is a space or a line break in this API key."),
        (lambda key: f"{key[:40]};{key[41:]}", "This API key has a typo. Copy the key again."),
        (lambda key: f"Bearer {key}", "This is no API key of Signoff: those begin with sgn_."),
        (lambda key: f"sgn_{'0' * 17}{key[21:]}", "This Signoff knows no such API key. It may have a typo"),
        (lambda key: key[:22] + "x" * 43, "This Signoff knows no such API key. It may have a typo"),
    ],
    ids=["cut off", "followed", "space", "typo", "twice", "another", "wrong"],
)
async def test_each_mistake_has_its_sentence_and_the_key_is_not_repeated(
    api: ApiEnv, change: object, sentence: str
) -> None:
    wrong: str = change(api.key)  # type: ignore[operator]
    reply = await get(api, wrong)
    assert (reply.status, reply.code) == (401, "api-key-refused")
    assert reply.body["detail"].startswith(sentence)
    assert wrong[30:] not in reply.text


@pytest.mark.parametrize("write", ["{}", "Token {}", "ApiKey {}", "Basic {}", "Bearer{}", "Bearer: {}"])
async def test_a_key_without_the_word_bearer_is_refused_with_how_to_write_it(api: ApiEnv, write: str) -> None:
    reply = await api.call("GET", "/asks", key="", headers={"Authorization": write.format(api.key)})
    assert (reply.status, reply.code) == (401, "api-key-refused")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    said = "The word Bearer is missing before this API key. Write the header “Authorization: Bearer sgn_…”."
    assert reply.body["detail"] == said
    assert api.key not in reply.text


async def test_a_client_with_many_wrong_keys_is_told_to_slow_down_and_right_keys_work(api: ApiEnv) -> None:
    statuses = [(await get(api, "sgn_nothing")).status for _ in range(MOST_WRONG + 1)]
    assert statuses == [401] * MOST_WRONG + [429]
    slow = await get(api, "sgn_nothing")
    assert slow.body["detail"].startswith("Too many wrong API keys came from your network. Try again in ")
    assert 0 < int(slow.headers["Retry-After"]) <= 601
    assert (await get(api)).status == 200


async def test_a_call_beyond_the_limits_of_a_key_is_on_the_record_once_an_hour(api: ApiEnv) -> None:
    key = await api.new_key("Asker", actions=(ApiAction.ASK,), workflows=("approvals",))
    for _ in range(3):
        reply = await api.call("POST", "/asks", {"title": "Refund?", "workflow": "free"}, key=key)
        assert reply.status == 403
        assert reply.body["detail"].startswith("The API key “Asker” may not ask people by the workflow “free”.")
    rows = await api.env.rows("SELECT content FROM audit WHERE leaf LIKE '%api_key.refused%'")
    assert len(rows) == 1
    assert "may not ask people" in rows[0][0]
    assert key[22:] not in rows[0][0]


async def test_a_revoked_key_is_refused_in_another_process_within_two_seconds(api: ApiEnv) -> None:
    """The other process has an engine of its own, and hears nothing of this one."""
    other = Engine(api.env.store, api.env.advancer, admins=frozenset({SAM}), clock=api.env.clock)
    async with served(other, api.env.store, api.env.clock) as (_, port):
        url, headers = f"http://127.0.0.1:{port}/api/v1/asks", {"Authorization": f"Bearer {api.key}"}
        async with api.session.get(url, headers=headers) as response:
            assert response.status == 200
        await revoke(api)
        api.env.pass_time(seconds=1)
        async with api.session.get(url, headers=headers) as response:
            assert response.status == 401
            assert "was revoked" in await response.text()
    assert (await get(api)).status == 401


async def test_the_asks_of_a_key_that_wait_are_counted(api: ApiEnv) -> None:
    asks = [await api.ask() for _ in range(3)]
    await api.ask(workflow="free")
    await api.new_key("Other")
    await api.decide(asks[0]["id"])
    assert {key.name: key.pending_asks for key in await api.env.engine.api_keys()} == {"Support agent": 2, "Other": 0}


async def test_both_texts_of_a_rotated_key_ask_as_the_same_program(api: ApiEnv) -> None:
    command = RotateApiKey(key="Support agent", actor=SAM, origin=TERMINAL, overlap=timedelta(hours=1))
    made = await ApiKeys(api.env.engine).rotate(command)
    assert isinstance(made, ApiKeyMade)
    ask = await api.ask()
    reply = await api.call("GET", f"/asks/{ask['id']}", key=made.text)
    assert (reply.status, reply.body["id"]) == (200, ask["id"])
    api.env.pass_time(hours=1)
    assert "was replaced by a new one" in (await get(api)).body["detail"]
    assert (await get(api, made.text)).status == 200


async def test_a_poll_and_a_stream_end_with_their_key(api: ApiEnv) -> None:
    ask = await api.ask()
    poll = asyncio.ensure_future(api.call("GET", f"/asks/{ask['id']}?wait=60s"))
    stream = asyncio.ensure_future(stream_of(api, ask["id"]))
    await until(lambda: len(api.api.waits) == 2)
    await revoke(api)
    # Another engine than that of the API has revoked it, which counts within a second.
    api.env.pass_time(seconds=1)
    await api.decide(ask["id"])
    assert (await poll).status == 401
    assert "approved" not in await stream


async def stream_of(api: ApiEnv, ask: str) -> str:
    headers = {"Authorization": f"Bearer {api.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{api.url}/api/v1/asks/{ask}/events", headers=headers) as response,
    ):
        return await response.text()
