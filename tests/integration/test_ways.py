"""Where a gate asks its approvers: the ways that it names, in its order, and one copy that all of them share."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import DeliveryKind, DeliveryState, Receipt, RequestState
from engine.errors import ChannelError
from engine.ports import Route
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, EngineEnv, open_engine
from tests.support.fakes import KnownPeople
from tests.support.recording_channel import Fault

LEE_, MIA, SAM = "lee@example.com", "mia@example.com", "sam@example.com"
GATED = """
name: flow
owner: sam@example.com
steps:
  - {{id: act, uses: set, with: {{a: 1}}, gate: {{approvers: [lee@example.com, mia@example.com]{keys}}}}}
"""
SHARED = ', channels: [{post_to: "#finance"}]'
GONE = ChannelError("the channel is archived", permanent=True)


def routes_of(email: str) -> list[Route]:
    """Return the routes of people: Lee and Sam have an account and email, all others have only email."""
    mail = Route("email", email)
    return [mail] if email == MIA else [Route("slack", email), mail]


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    people = KnownPeople(routes_of, places="slack")
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=people) as env:
        yield env


async def start_run(env: EngineEnv, keys: str = "") -> str:
    await env.register(GATED.format(keys=keys))
    run = await env.start()
    await env.settle()
    return run


async def addresses(env: EngineEnv, run: str) -> set[tuple[str, str]]:
    views = await env.engine.deliveries(run=run)
    return {(view.channel, view.address) for view in views if view.kind is DeliveryKind.REQUEST}


async def topics(env: EngineEnv, run: str) -> list[str | None]:
    return [view.topic for view in await env.engine.deliveries(run=run) if view.kind is DeliveryKind.ALERT]


async def wait_for_fallback(env: EngineEnv) -> None:
    env.pass_time(minutes=16)
    await env.settle()


async def test_only_email_and_never_email(env: EngineEnv) -> None:
    run = await start_run(env, ", channels: [email]")
    assert await addresses(env, run) == {("email", LEE_), ("email", MIA)}
    run = await start_run(env, ", channels: [slack]")
    await wait_for_fallback(env)
    assert await addresses(env, run) == {("slack", LEE_), ("none", MIA)}
    assert [person.label for person, _ in (await env.request(run)).unreached] == [MIA]


async def test_the_first_way_is_preferred_and_the_other_is_the_fallback(env: EngineEnv) -> None:
    run = await start_run(env, ", channels: [email, slack]")
    assert await addresses(env, run) == {("email", LEE_), ("email", MIA)}
    await wait_for_fallback(env)
    assert await addresses(env, run) == {("email", LEE_), ("email", MIA), ("slack", LEE_)}


async def test_a_shared_copy_asks_those_who_can_act_there_and_email_asks_the_others(env: EngineEnv) -> None:
    run = await start_run(env, SHARED)
    assert await addresses(env, run) == {("slack", "#finance"), ("email", MIA)}
    request = await env.request(run)
    assert request.unreached == ()
    assert request.model.deadlines.first_shown_at is not None
    (copy,) = env.channel.of("#finance")
    assert (copy.card.mentions, copy.card.readers) == ((None, None), ())
    await wait_for_fallback(env)
    assert await addresses(env, run) == {("slack", "#finance"), ("email", MIA), ("email", LEE_)}
    await env.decide(run, by=LEE)
    await env.settle()
    assert copy.card.outcome is not None
    assert "request.fell_back" in await env.kinds(run)


async def test_with_email_never_no_email_follows_and_ways_beside_it_ask_each_approver(env: EngineEnv) -> None:
    run = await start_run(env, SHARED + ", email: never")
    await wait_for_fallback(env)
    assert await addresses(env, run) == {("slack", "#finance"), ("none", MIA)}
    run = await start_run(env, ', channels: [slack, email, {post_to: "#finance"}]')
    assert await addresses(env, run) == {("slack", "#finance"), ("slack", LEE_), ("email", MIA)}


async def test_the_shared_copy_is_never_taken_for_the_copy_of_the_owner(env: EngineEnv) -> None:
    """Its row names the owner, who gets a copy of their own as an approver."""
    source = GATED.replace("lee@example.com, mia", "sam@example.com, mia")
    await env.register(source.format(keys=', channels: [slack, {post_to: "#finance"}]'))
    run = await env.start()
    env.channel.queue_faults(Fault(), Fault(error=ChannelError("no such user", permanent=True)))
    await env.settle()
    failed = {view.address: view.state for view in await env.engine.deliveries(run=run) if view.kind == "request"}
    assert failed[SAM] is DeliveryState.DEAD
    assert failed["#finance"] is DeliveryState.SHOWN
    assert SAM in [person.label for person, _ in (await env.request(run)).unreached]


async def test_if_the_shared_copy_cannot_be_posted_each_approver_is_asked_and_the_owner_told(env: EngineEnv) -> None:
    env.channel.queue_faults(Fault(error=GONE))
    run = await start_run(env, SHARED)
    assert await addresses(env, run) == {("slack", "#finance"), ("slack", LEE_), ("email", MIA)}
    assert await topics(env, run) == ["unposted"]
    assert (await env.request(run)).unposted == ("#finance", "the channel is archived")
    await wait_for_fallback(env)
    assert ("email", LEE_) in await addresses(env, run)
    await env.decide(run, by=LEE)
    assert (await env.request(run)).model.state is RequestState.APPROVED


async def test_a_server_that_can_post_nowhere_asks_each_approver_and_tells_the_owner(
    tmp_path: Path, open_database: OpenStore
) -> None:
    people = KnownPeople(routes_of)
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=people) as env:
        run = await start_run(env, SHARED)
        assert await addresses(env, run) == {("slack", LEE_), ("email", MIA)}
        assert (await env.request(run)).notes == ("This server cannot post to #finance, so each approver is asked.",)
        assert await topics(env, run) == ["unposted"]


async def test_the_next_group_of_a_chain_gets_copies_because_a_new_mention_notifies_no_one(env: EngineEnv) -> None:
    groups = "policy: {{chain: [[lee@example.com], [kim@example.com]]}}"
    chain = GATED.replace("approvers: [lee@example.com, mia@example.com]", groups)
    await env.register(chain.format(keys=SHARED))
    run = await env.start()
    await env.settle()
    assert await addresses(env, run) == {("slack", "#finance")}
    await env.decide(run, by=LEE)
    await env.settle()
    assert await addresses(env, run) == {("slack", "#finance"), ("slack", "kim@example.com")}


async def test_the_message_of_a_shared_copy_leads_to_its_request(env: EngineEnv) -> None:
    run = await start_run(env, SHARED)
    rows = await env.rows("SELECT receipt FROM delivery WHERE topic = 'shared'")
    found = await env.engine.request_at(Receipt(json.loads(rows[0][0])))
    assert found is not None
    assert found.run == run
    assert await env.engine.request_at(Receipt({"id": "nothing"})) is None
