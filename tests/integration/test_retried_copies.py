"""A copy that could not be delivered is sent once more when a person asks: through the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain import (
    Address,
    Cancel,
    DeliveryKind,
    DeliveryState,
    Done,
    NotAllowed,
    NotFound,
    Refusal,
    RetryDelivery,
)
from engine.errors import ChannelError
from engine.read_models import DeliveryView
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.fakes import KnownPeople
from tests.support.recording_channel import Fault

FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: ask
    uses: set
    with: {text: hello}
    gate: {approvers: [lee@example.com, kim@example.com]}
"""
BUSY = ChannelError("The mailbox is busy.", retry_after=timedelta(minutes=30))
GONE = ChannelError("There is no such mailbox.", permanent=True)


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db") as env:
        yield env


@pytest.fixture
async def on_each_database(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def run_with(env: EngineEnv, *errors: ChannelError) -> tuple[str, DeliveryView]:
    """Start a run whose first copy fails, and return that copy."""
    await env.register(FLOW)
    run = await env.start()
    env.channel.queue_faults(*(Fault(error=error) for error in errors))
    await env.settle()
    return run, next(copy for copy in await requests_of(env, run) if copy.last_error)


async def requests_of(env: EngineEnv, run: str) -> list[DeliveryView]:
    return [copy for copy in await env.engine.deliveries(run=run) if copy.kind is DeliveryKind.REQUEST]


async def reload(env: EngineEnv, run: str, copy: DeliveryView) -> DeliveryView:
    return next(each for each in await env.engine.deliveries(run=run) if each.id == copy.id)


async def fail_all(env: EngineEnv) -> None:
    """Deliver each copy that is due, in vain."""
    due = [work for work in await env.engine.due(env.clock.now()) if work.kind == "deliver"]
    env.channel.queue_faults(*[Fault(error=GONE)] * len(due))
    await env.deliver()


async def retry(env: EngineEnv, copy: str, by: Address = SAM) -> Done | Refusal:
    return await env.engine.retry_delivery(RetryDelivery(delivery=copy, actor=by, origin=TERMINAL))


async def test_a_copy_that_was_given_up_is_sent_at_once(on_each_database: EngineEnv) -> None:
    env = on_each_database
    run, copy = await run_with(env, GONE)
    assert copy.state is DeliveryState.DEAD
    (view,) = await env.engine.requests_of_run(run)
    assert [person.label for person, _ in view.unreached] == [copy.person.label]
    assert await retry(env, copy.id, ANN) == Done(run=run)
    await env.settle()
    sent = await reload(env, run, copy)
    assert (sent.state, sent.last_error, sent.attempts) == (DeliveryState.SHOWN, None, 0)
    (view,) = await env.engine.requests_of_run(run)
    assert view.unreached == ()
    others = [each for each in env.channel.posted.values() if each.address != copy.address]
    assert "Not reached" not in str([each.card.notes for each in others]), "the other copies say so no more"
    (entry,) = [entry for entry in await env.engine.story(run) if entry.kind == "delivery.retried"]
    assert entry.content is not None
    assert (entry.content["person"], entry.content["channel"]) == (copy.person.id, "recording")
    assert entry.request == view.id


async def test_a_copy_that_waits_need_not_wait_for_its_next_attempt(env: EngineEnv) -> None:
    run, copy = await run_with(env, BUSY)
    assert copy.next_at == env.clock.now() + timedelta(minutes=30)
    assert await retry(env, copy.id) == Done(run=run)
    await env.settle()
    assert (await reload(env, run, copy)).state is DeliveryState.SHOWN


async def test_a_second_failure_is_recorded_like_a_first(env: EngineEnv) -> None:
    run, copy = await run_with(env, GONE)
    await retry(env, copy.id)
    await fail_all(env)
    failed = await reload(env, run, copy)
    assert failed.state is DeliveryState.DEAD
    assert failed.last_error == "There is no such mailbox."


async def test_what_is_up_to_date_closed_or_unknown_is_not_sent(env: EngineEnv) -> None:
    run, copy = await run_with(env, GONE)
    fine = next(each for each in await requests_of(env, run) if each.id != copy.id)
    assert isinstance(await retry(env, fine.id), NotAllowed)
    assert isinstance(await retry(env, "none"), NotFound)
    await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL))
    await env.settle()
    refusal = await retry(env, copy.id)
    assert isinstance(refusal, NotAllowed)
    assert "closed" in refusal.why
    assert "delivery.retried" not in await env.kinds(run)


async def test_only_people_of_the_run_may(env: EngineEnv) -> None:
    run, copy = await run_with(env, GONE)
    assert isinstance(await retry(env, copy.id, LEE), NotAllowed)
    assert (await reload(env, run, copy)).state is DeliveryState.DEAD


async def test_a_person_without_an_address_cannot_be_sent_anything(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", directory=KnownPeople(lambda _: [])) as env:
        await env.register(FLOW)
        copy, *_ = await requests_of(env, await env.start())
        refusal = await retry(env, copy.id)
        assert isinstance(refusal, NotAllowed)
        assert "no address" in refusal.why


async def test_an_edit_that_was_given_up_is_repeated_also_after_the_decision(env: EngineEnv) -> None:
    """Its buttons are still there for people to press."""
    await env.register(FLOW)
    run = await env.start()
    await env.settle()
    await env.decide(run)
    while not any(copy.state is DeliveryState.DEAD for copy in await requests_of(env, run)):
        await fail_all(env)
        env.pass_time(hours=2)
    dead = next(copy for copy in await requests_of(env, run) if copy.state is DeliveryState.DEAD)
    assert await retry(env, dead.id) == Done(run=run)
    await env.settle()
    assert (await reload(env, run, dead)).state is DeliveryState.SHOWN
    assert env.channel.of(dead.address)[0].card.outcome is not None
