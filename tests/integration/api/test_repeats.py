"""Calls that a program repeats with an `Idempotency-Key`: the same call has the same result, another one is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.domain import Erase, Erased
from tests.support.api_env import ApiEnv, Reply
from tests.support.engine_env import SAM, TERMINAL


async def used(api: ApiEnv) -> str:
    """Return an ask whose approval the program has used."""
    ask = str((await api.ask("Refund?", arguments={"amount": 5}, use="once"))["id"])
    await api.env.settle()
    await api.decide(ask)
    assert (await api.call("POST", f"/asks/{ask}/consume")).status == 200
    return ask


async def outcome(api: ApiEnv, ask: str, *, key: str | None = None, status: str = "succeeded", **body: Any) -> Reply:
    headers = {"Idempotency-Key": key} if key else {}
    return await api.call("POST", f"/asks/{ask}/outcome", {"status": status, **body}, headers=headers)


async def cancel(api: ApiEnv, ask: str, *, key: str | None = None, **body: Any) -> Reply:
    headers = {"Idempotency-Key": key} if key else {}
    return await api.call("POST", f"/asks/{ask}/cancel", body, headers=headers)


def conflict(reply: Reply) -> bool:
    return (reply.status, reply.code) == (422, "idempotency-conflict")


async def test_an_outcome_is_repeated_with_its_key_and_another_one_is_refused(api: ApiEnv) -> None:
    ask = await used(api)
    sent: dict[str, Any] = {"note": "Paid.", "result": {"receipt": 7, "at": [1.5]}}
    first = await outcome(api, ask, key="o-1", **sent)
    await api.env.settle()
    again = await outcome(api, ask, key="o-1", **sent)
    assert (first.status, again.status) == (200, 200)
    assert again.body["outcome"] == first.body["outcome"]
    for other in (
        {**sent, "note": "Paid twice."},
        {**sent, "result": {"receipt": 8}},
        {"status": "failed", **sent},
        {},
    ):
        assert conflict(await outcome(api, ask, key="o-1", **other)), other
    # Without the key, or with a new one, the outcome that is known counts.
    assert (await outcome(api, ask, note="Later")).status == 200
    refused = await outcome(api, ask, key="o-2", status="failed")
    assert (refused.status, refused.code) == (409, "outcome-already-known")
    assert (await api.call("GET", f"/asks/{ask}")).body["outcome"]["note"] == "Paid."


async def test_what_was_refused_is_not_remembered(api: ApiEnv) -> None:
    ask = str((await api.ask("Refund?", use="once"))["id"])
    await api.env.settle()
    assert (await outcome(api, ask, key="o-1")).code == "not-consumed"
    await api.decide(ask)
    await api.call("POST", f"/asks/{ask}/consume")
    assert (await outcome(api, ask, key="o-1", status="failed")).status == 200


async def test_to_cancel_is_repeated_with_its_key_and_another_reason_is_refused(api: ApiEnv) -> None:
    ask = str((await api.ask())["id"])
    await api.env.settle()
    for _ in range(2):
        assert (await cancel(api, ask, key="c-1", reason="Not needed")).status == 200
        await api.env.settle()
    assert conflict(await cancel(api, ask, key="c-1", reason="Another"))
    assert conflict(await outcome(api, ask, key="c-1"))
    assert (await cancel(api, ask, reason="Another")).status == 200


@pytest.mark.parametrize("differ", [False, True])
async def test_of_calls_at_the_same_moment_one_counts(api: ApiEnv, *, differ: bool) -> None:
    ask = await used(api)
    notes = [f"note {number if differ else 0}" for number in range(6)]
    replies = await asyncio.gather(*(outcome(api, ask, key="o-1", note=note) for note in notes))
    assert sorted(reply.status for reply in replies) == ([200, *[422] * 5] if differ else [200] * 6)
    entries = await api.env.rows("SELECT content FROM audit WHERE leaf LIKE '%ask.outcome%'")
    assert len(entries) == 1


async def test_a_key_counts_for_one_ask_and_nothing_of_it_is_kept_but_a_hash(api: ApiEnv) -> None:
    first, second = await used(api), await used(api)
    for number, ask in enumerate((first, second)):
        assert (await outcome(api, ask, key="kim@example.com", note=f"secret {number}")).status == 200
    await api.env.settle()
    [(calls,), _] = await api.env.rows("SELECT calls FROM ask ORDER BY run")
    assert "kim" not in calls
    assert "secret" not in calls
    assert isinstance(await api.env.engine.erase(Erase(run=first, actor=SAM, origin=TERMINAL, reason="Asked")), Erased)
    assert await api.env.rows("SELECT count(*) FROM ask WHERE calls IS NOT NULL") == [(1,)]
