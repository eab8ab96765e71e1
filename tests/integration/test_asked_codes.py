"""The limit of codes to sign in that a client may ask for: exact, for any address, and nothing tells the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.code_derivation import MIN_KEY, Codes
from engine.domain import CodeSent, SignIn, TooManyCodes
from engine.store import asked_codes
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.examples import example_count
from tests.support.fakes import people_reached_by

LEE = "lee@example.com"
GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: [lee@example.com]}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(
        tmp_path / "signoff.db", open_store=open_database, directory=people_reached_by("email")
    ) as env:
        yield env


def client_asks(client: str, email: str = "no@example.com") -> SignIn:
    return SignIn(email=email, holder="browser", client=client)


async def test_a_refused_client_costs_no_person_their_code(env: EngineEnv) -> None:
    await env.register(GATED)
    await env.start()
    await env.settle()
    for _ in range(asked_codes.MOST):
        assert isinstance(await env.identity.sign_in(client_asks("192.0.2.7")), CodeSent)
    env.pass_time(minutes=4)
    assert await env.identity.sign_in(client_asks("192.0.2.7", LEE)) == TooManyCodes(wait=timedelta(minutes=6))
    assert await env.rows("SELECT id FROM challenge") == []
    assert isinstance(await env.identity.sign_in(client_asks("192.0.2.8", LEE)), CodeSent)
    assert len(await env.rows("SELECT id FROM challenge")) == 1


async def test_the_address_of_a_client_is_not_stored(env: EngineEnv) -> None:
    assert "192.0.2.7" not in repr(client_asks("192.0.2.7"))
    for _ in range(2):
        await env.identity.sign_in(client_asks("192.0.2.7"))
    digests = {bytes(row[0]) for row in await env.rows("SELECT client FROM asked_code")}
    assert digests == {Codes(b"k" * MIN_KEY).client("192.0.2.7")}
    assert digests != {Codes(b"l" * MIN_KEY).client("192.0.2.7")}
    assert b"192.0.2.7" not in digests.pop()


async def test_what_no_longer_limits_a_client_is_deleted_in_portions(
    env: EngineEnv,
) -> None:
    many = asked_codes.PORTION + 20
    await env.store.transact(lambda tx: [asked_codes.count(tx, "default", bytes([number])) for number in range(many)])
    remaining = []
    for minutes in (9, 2, 0):
        env.pass_time(minutes=minutes)
        await env.identity.sign_in(client_asks("192.0.2.7"))
        remaining.append((await env.rows("SELECT count(*) FROM asked_code"))[0][0])
    assert remaining == [many + 1, 22, 3]


@settings(max_examples=example_count(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_no_client_gets_more_codes_than_the_limit_in_any_time_span(env: EngineEnv, data: st.DataObject) -> None:
    steps = st.lists(st.integers(0, 60), min_size=asked_codes.MOST, max_size=60)
    client, granted = b"client", list[datetime]()
    env.pass_time(hours=1)  # since the example before
    for seconds in data.draw(steps):
        env.pass_time(seconds=seconds)
        now = env.clock.now()
        wait = await env.store.transact(lambda tx: asked_codes.count(tx, "default", client))
        recent = [at for at in granted if at > now - asked_codes.SPAN]
        if wait is None:
            granted.append(now)
            assert len(recent) < asked_codes.MOST
        else:
            assert len(recent) == asked_codes.MOST
            assert wait == recent[0] + asked_codes.SPAN - now
