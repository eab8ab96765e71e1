"""The route of each copy: the best channel for the approver, email beside it or later, another one after a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from engine.domain import Address, Decided, DeliveryKind, DeliveryState, Origin, Person, Start, Started
from engine.errors import ChannelError
from engine.ports import Route
from engine.read_models import DeliveryView
from tests.support.account_directory import AccountDirectory
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.fakes import KnownPeople
from tests.support.recording_channel import Fault

LEE, SAM = "lee@example.com", "sam@example.com"
GATED = """
name: flow
owner: sam@example.com
steps:
  - {{id: act, uses: set, with: {{a: 1}}, gate: {{approvers: [lee@example.com, mia@example.com]{keys}}}}}
"""
GONE = ChannelError("the account is deactivated", permanent=True)
BROKEN = ChannelError("the mail server does not take our password", about="channel")


def routes_of(email: str) -> list[Route]:
    """Return the routes of people: Lee and Sam have an account and email, all others have only email."""
    mail = Route("email", email)
    return [mail] if email == "mia@example.com" else [Route("recording", email), mail]


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=KnownPeople(routes_of)) as env:
        yield env


async def start_run(env: EngineEnv, keys: str = "") -> str:
    await env.register(GATED.format(keys=keys))
    run = await env.start()
    await env.settle()
    return run


async def copies(env: EngineEnv, run: str) -> list[DeliveryView]:
    views = await env.engine.deliveries(run=run)
    return [view for view in views if view.kind is DeliveryKind.REQUEST]


async def alerts(env: EngineEnv, run: str) -> list[tuple[str | None, str, str]]:
    views = await env.engine.deliveries(run=run)
    return [(view.topic, view.channel, view.address) for view in views if view.kind is DeliveryKind.ALERT]


async def addresses(env: EngineEnv, run: str) -> set[tuple[str, str]]:
    return {(delivery.channel, delivery.address) for delivery in await copies(env, run)}


async def test_each_approver_is_asked_by_the_best_channel(env: EngineEnv) -> None:
    run = await start_run(env)
    assert await addresses(env, run) == {("recording", LEE), ("email", "mia@example.com")}


async def test_an_email_is_sent_when_no_one_acted_for_a_while(env: EngineEnv) -> None:
    run = await start_run(env)
    env.pass_time(minutes=14, seconds=59)
    await env.settle()
    assert ("email", LEE) not in await addresses(env, run)
    env.pass_time(seconds=2)
    await env.settle()
    assert ("email", LEE) in await addresses(env, run)
    assert "request.fell_back" in await env.kinds(run)


async def test_the_wait_of_the_gate_begins_when_the_first_copy_is_shown(env: EngineEnv) -> None:
    env.channel.queue_faults(Fault(error=ChannelError("not now", retry_after=timedelta(hours=2))))
    mail = env.mail.channel
    mail.queue_faults(Fault(error=ChannelError("not now", retry_after=timedelta(minutes=3))))
    run = await start_run(env, ", fallback_after: 5m")
    env.pass_time(minutes=3)
    await env.settle()
    env.pass_time(minutes=4)
    await env.settle()
    assert ("email", LEE) not in await addresses(env, run), "the copy of Mia was shown only four minutes ago"
    env.pass_time(minutes=1)
    await env.settle()
    assert ("email", LEE) in await addresses(env, run)


async def test_after_a_decision_no_email_is_sent(env: EngineEnv) -> None:
    run = await start_run(env)
    assert isinstance(await env.decide(run), Decided)
    env.pass_time(hours=1)
    await env.settle()
    assert ("email", LEE) not in await addresses(env, run)


async def test_the_email_is_sent_once(env: EngineEnv) -> None:
    run = await start_run(env)
    for _ in range(5):
        env.pass_time(minutes=20)
        await env.settle()
    assert sorted(await addresses(env, run)) == sorted(
        {(delivery.channel, delivery.address) for delivery in await copies(env, run)}
    )
    assert len(await copies(env, run)) == 3
    assert (await env.request(run)).model.deadlines.fall_back_at is None


async def test_always_sends_the_email_at_once_and_never_sends_none(env: EngineEnv) -> None:
    run = await start_run(env, ", email: always")
    assert await addresses(env, run) == {("recording", LEE), ("email", LEE), ("email", "mia@example.com")}
    env.pass_time(hours=1)
    await env.settle()
    assert len(await copies(env, run)) == 3
    run = await start_run(env, ", email: never")
    env.pass_time(hours=1)
    await env.settle()
    assert {(delivery.channel, delivery.state) for delivery in await copies(env, run)} == {
        ("recording", DeliveryState.SHOWN),
        ("none", DeliveryState.DEAD),
    }


async def test_an_approver_unreachable_by_one_channel_is_asked_by_another_at_once(env: EngineEnv) -> None:
    env.channel.queue_faults(Fault(error=GONE))
    run = await start_run(env)
    assert ("email", LEE) in await addresses(env, run)
    assert await alerts(env, run) == []
    assert (await env.request(run)).unreached == ()


async def test_without_another_channel_the_owner_is_informed(env: EngineEnv) -> None:
    env.channel.queue_faults(Fault(error=GONE))
    env.mail.channel.queue_faults(Fault(error=GONE), Fault(error=GONE))
    run = await start_run(env)
    assert {topic for topic, _, _ in await alerts(env, run)} == {"undelivered", "unreachable"}
    assert {person.email for person, _ in (await env.request(run)).unreached} == {LEE, "mia@example.com"}


async def test_an_alert_also_takes_another_channel_and_then_ends(env: EngineEnv) -> None:
    env.channel.queue_faults(Fault(error=GONE), Fault(error=GONE), Fault(error=GONE))
    env.mail.channel.queue_faults(*[Fault(error=GONE)] * 9)
    run = await start_run(env)
    sent_alerts = await alerts(env, run)
    assert ("unreachable", "recording", SAM) in sent_alerts
    assert ("unreachable", "email", SAM) in sent_alerts
    assert len(sent_alerts) == len(set(sent_alerts)), "no channel is tried twice"


class Answering(KnownPeople):
    """A directory that sends the outcome of a run to the best channel of its requester."""

    def back(self, origin: Origin, person: Person) -> Route | None:
        return self.reach(person)[0]


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (SAM, [("alert", "recording", SAM)]),
        (LEE, [("alert", "recording", LEE), ("outcome", "recording", SAM)]),
    ],
)
async def test_one_person_is_informed_of_an_end_once_in_one_place(
    tmp_path: Path, open_database: OpenStore, owner: str, expected: list[tuple[str, str, str]]
) -> None:
    directory = Answering(routes_of)
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=directory) as env:
        await env.register(GATED.replace(SAM, owner).format(keys=", expires: 1h"))
        command = Start(
            workflow="flow",
            inputs={},
            actor=Address("email", SAM),
            origin=Origin(surface="slack", place={"user": "U0SAM"}),
        )
        started = await env.engine.start(command)
        assert isinstance(started, Started)
        await env.settle()
        env.pass_time(hours=1)
        await env.settle()
        views = [
            delivery
            for delivery in await env.engine.deliveries(run=started.run)
            if delivery.kind is not DeliveryKind.REQUEST
        ]
        assert sorted((view.kind.value, view.channel, view.address) for view in views) == expected


async def test_a_channel_with_a_broken_setup_is_paused_and_the_owner_is_informed_by_another(env: EngineEnv) -> None:
    env.mail.channel.queue_faults(Fault(error=BROKEN))
    run = await start_run(env, ", email: always")
    assert await alerts(env, run) == [("broken", "recording", SAM)]
    calls = env.mail.channel.calls
    assert calls < 2, "the other email was not tried"
    env.pass_time(seconds=59)
    await env.settle()
    assert env.mail.channel.calls == calls
    env.pass_time(seconds=2)
    await env.settle()
    assert {delivery.state for delivery in await copies(env, run)} == {DeliveryState.SHOWN}
    assert all(delivery.attempts == 0 for delivery in await copies(env, run))


async def test_a_channel_that_stays_broken_is_tried_at_growing_intervals(env: EngineEnv) -> None:
    env.mail.channel.queue_faults(*[Fault(error=BROKEN)] * 5)
    run = await start_run(env)
    tries = [env.clock.now()]
    while env.mail.channel.calls < 6:
        env.pass_time(seconds=10)
        calls = env.mail.channel.calls
        await env.settle()
        tries += [env.clock.now()] * (env.mail.channel.calls - calls)
    assert [(later - earlier).total_seconds() for earlier, later in pairwise(tries[:6])] == [60, 120, 300, 600, 600]
    assert [topic for topic, _, _ in await alerts(env, run)] == ["broken"]


async def test_a_delivery_is_given_up_when_its_time_is_over(env: EngineEnv) -> None:
    full = ChannelError("the mailbox is full", patience=timedelta(hours=24))
    env.mail.channel.queue_faults(*[Fault(error=full)] * 60)
    run = await start_run(env)
    for _ in range(23):
        env.pass_time(hours=1)
        await env.settle()
    (mia,) = [delivery for delivery in await copies(env, run) if delivery.address == "mia@example.com"]
    assert mia.state is DeliveryState.DUE
    env.pass_time(hours=2)
    await env.settle()
    (mia,) = [delivery for delivery in await copies(env, run) if delivery.address == "mia@example.com"]
    assert mia.state is DeliveryState.DEAD
    assert ("undelivered", "recording", SAM) in await alerts(env, run)


async def test_an_address_that_is_refused_is_marked_until_something_arrives(env: EngineEnv) -> None:
    error = ChannelError("there is no such mailbox", permanent=True, about="address")
    env.mail.channel.queue_faults(Fault(error=error))
    await start_run(env)

    query = "SELECT value, refused_why FROM address WHERE refused_at IS NOT NULL"
    assert await env.rows(query) == [("mia@example.com", "there is no such mailbox")]
    await start_run(env)
    assert await env.rows(query) == []


# -- people who leave while they are asked ------------------------------------------------------------------


class Workspace(AccountDirectory):
    """A directory that reaches people by their account and by email."""

    def reach(self, person: Person) -> list[Route]:
        assert person.email is not None
        return [Route("recording", person.email), Route("email", person.email)]


@pytest.mark.parametrize("keys", ["", ", email: never, remind: {after: 1h}"], ids=["email", "reminder"])
async def test_a_person_who_has_left_is_not_asked_again(tmp_path: Path, keys: str) -> None:
    workspace = Workspace(lee=LEE, mia="mia@example.com", sam=SAM)
    async with open_engine(tmp_path / "signoff.db", directory=workspace) as env:
        run = await start_run(env, keys)
        workspace.closed["lee"] = workspace.active.pop("lee")
        env.pass_time(hours=2)
        await env.settle()
        again = [view for view in await env.engine.deliveries(run=run) if view.kind is not DeliveryKind.ALERT][2:]
        assert {view.address for view in again} == {"mia@example.com"}
        assert [row.excluded for row in (await env.request(run)).approvers] == ["the account is deactivated", None]
        assert "request.approver_excluded" in await env.kinds(run)


async def test_a_directory_that_does_not_answer_stops_no_email(tmp_path: Path) -> None:
    workspace = Workspace(lee=LEE, mia="mia@example.com", sam=SAM)
    async with open_engine(tmp_path / "signoff.db", directory=workspace) as env:
        run = await start_run(env)
        workspace.down = True
        env.pass_time(hours=2)
        await env.settle()
        assert ("email", LEE) in await addresses(env, run)
