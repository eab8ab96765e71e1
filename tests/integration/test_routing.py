"""Which copies go where: the best way to each approver, mail beside it or later, another way where one fails."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from engine.domain import Address, Decided, DeliveryKind, DeliveryState, Origin, Person, Start, Started
from engine.errors import ChannelError
from engine.ports import Route
from engine.read_models import DeliveryView
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


def both(email: str) -> list[Route]:
    """Lee and Sam have an account and mail, Mia has mail alone."""
    mail = Route("email", email)
    return [mail] if email == "mia@example.com" else [Route("recording", email), mail]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=KnownPeople(both)) as made:
        yield made


async def asked(home: EngineEnv, keys: str = "") -> str:
    await home.register(GATED.format(keys=keys))
    run = await home.start()
    await home.settle()
    return run


async def copies(home: EngineEnv, run: str) -> list[DeliveryView]:
    found = await home.engine.deliveries(run=run)
    return [one for one in found if one.kind is DeliveryKind.REQUEST]


async def alerts(home: EngineEnv, run: str) -> list[tuple[str | None, str, str]]:
    found = await home.engine.deliveries(run=run)
    return [(one.topic, one.channel, one.address) for one in found if one.kind is DeliveryKind.ALERT]


async def ways(home: EngineEnv, run: str) -> set[tuple[str, str]]:
    return {(one.channel, one.address) for one in await copies(home, run)}


async def test_each_is_asked_where_they_are_best_reached(home: EngineEnv) -> None:
    run = await asked(home)
    assert await ways(home, run) == {("recording", LEE), ("email", "mia@example.com")}


async def test_mail_goes_out_where_nobody_acted_for_a_while(home: EngineEnv) -> None:
    run = await asked(home)
    home.pass_time(minutes=14, seconds=59)
    await home.settle()
    assert ("email", LEE) not in await ways(home, run)
    home.pass_time(seconds=2)
    await home.settle()
    assert ("email", LEE) in await ways(home, run)
    assert "request.fell_back" in await home.kinds(run)


async def test_the_wait_is_what_the_gate_says_and_begins_when_somebody_was_shown_it(home: EngineEnv) -> None:
    home.channel.queue_faults(Fault(error=ChannelError("not now", retry_after=timedelta(hours=2))))
    mail = home.mail.channel
    mail.queue_faults(Fault(error=ChannelError("not now", retry_after=timedelta(minutes=3))))
    run = await asked(home, ", fallback_after: 5m")
    home.pass_time(minutes=3)
    await home.settle()
    home.pass_time(minutes=4)
    await home.settle()
    assert ("email", LEE) not in await ways(home, run), "Mia was shown it only four minutes ago"
    home.pass_time(minutes=1)
    await home.settle()
    assert ("email", LEE) in await ways(home, run)


async def test_a_decision_comes_before_the_mail(home: EngineEnv) -> None:
    run = await asked(home)
    assert isinstance(await home.decide(run), Decided)
    home.pass_time(hours=1)
    await home.settle()
    assert ("email", LEE) not in await ways(home, run)


async def test_mail_goes_out_once(home: EngineEnv) -> None:
    run = await asked(home)
    for _ in range(5):
        home.pass_time(minutes=20)
        await home.settle()
    assert sorted(await ways(home, run)) == sorted({(one.channel, one.address) for one in await copies(home, run)})
    assert len(await copies(home, run)) == 3
    assert (await home.request(run)).model.deadlines.fall_back_at is None


async def test_always_is_at_once_and_never_is_never(home: EngineEnv) -> None:
    run = await asked(home, ", email: always")
    assert await ways(home, run) == {("recording", LEE), ("email", LEE), ("email", "mia@example.com")}
    home.pass_time(hours=1)
    await home.settle()
    assert len(await copies(home, run)) == 3
    run = await asked(home, ", email: never")
    home.pass_time(hours=1)
    await home.settle()
    assert {(one.channel, one.state) for one in await copies(home, run)} == {
        ("recording", DeliveryState.SHOWN),
        ("none", DeliveryState.DEAD),
    }


async def test_whom_one_way_will_never_reach_is_asked_another_way_at_once(home: EngineEnv) -> None:
    home.channel.queue_faults(Fault(error=GONE))
    run = await asked(home)
    assert ("email", LEE) in await ways(home, run)
    assert await alerts(home, run) == []
    assert (await home.request(run)).unreached == ()


async def test_where_there_is_no_other_way_left_the_owner_is_told(home: EngineEnv) -> None:
    home.channel.queue_faults(Fault(error=GONE))
    home.mail.channel.queue_faults(Fault(error=GONE), Fault(error=GONE))
    run = await asked(home)
    assert {topic for topic, _, _ in await alerts(home, run)} == {"undelivered", "unreachable"}
    assert {person.email for person, _ in (await home.request(run)).unreached} == {LEE, "mia@example.com"}


async def test_an_alert_takes_another_way_too_and_then_ends(home: EngineEnv) -> None:
    home.channel.queue_faults(Fault(error=GONE), Fault(error=GONE), Fault(error=GONE))
    home.mail.channel.queue_faults(*[Fault(error=GONE)] * 9)
    run = await asked(home)
    told = await alerts(home, run)
    assert ("unreachable", "recording", SAM) in told
    assert ("unreachable", "email", SAM) in told
    assert len(told) == len(set(told)), "no way is tried twice"


class Answering(KnownPeople):
    """Whoever starts something hears how it ended where they are best reached."""

    def back(self, origin: Origin, person: Person) -> Route | None:
        return self.reach(person)[0]


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        (SAM, [("alert", "recording", SAM)]),
        (LEE, [("alert", "recording", LEE), ("outcome", "recording", SAM)]),
    ],
)
async def test_an_end_is_told_once_to_one_person_in_one_place(
    tmp_path: Path, owner: str, told: list[tuple[str, str, str]]
) -> None:
    async with open_engine(tmp_path / "signoff.db", directory=Answering(both)) as home:
        await home.register(GATED.replace(SAM, owner).format(keys=", expires: 1h"))
        command = Start(
            workflow="flow",
            inputs={},
            actor=Address("email", SAM),
            origin=Origin(surface="slack", place={"user": "U0SAM"}),
        )
        started = await home.engine.start(command)
        assert isinstance(started, Started)
        await home.settle()
        home.pass_time(hours=1)
        await home.settle()
        found = [one for one in await home.engine.deliveries(run=started.run) if one.kind is not DeliveryKind.REQUEST]
        assert sorted((one.kind.value, one.channel, one.address) for one in found) == told


async def test_a_channel_whose_setup_is_broken_rests_and_the_owner_hears_it_on_another(home: EngineEnv) -> None:
    home.mail.channel.queue_faults(Fault(error=BROKEN))
    run = await asked(home, ", email: always")
    assert await alerts(home, run) == [("broken", "recording", SAM)]
    calls = home.mail.channel.calls
    assert calls < 2, "the other mail was not even tried"
    home.pass_time(seconds=59)
    await home.settle()
    assert home.mail.channel.calls == calls
    home.pass_time(seconds=2)
    await home.settle()
    assert {one.state for one in await copies(home, run)} == {DeliveryState.SHOWN}
    assert all(one.attempts == 0 for one in await copies(home, run))


async def test_a_channel_that_stays_broken_is_tried_ever_more_seldom(home: EngineEnv) -> None:
    home.mail.channel.queue_faults(*[Fault(error=BROKEN)] * 5)
    run = await asked(home)
    tried = [home.clock.now()]
    while home.mail.channel.calls < 6:
        home.pass_time(seconds=10)
        calls = home.mail.channel.calls
        await home.settle()
        tried += [home.clock.now()] * (home.mail.channel.calls - calls)
    assert [(later - at).total_seconds() for at, later in pairwise(tried[:6])] == [60, 120, 300, 600, 600]
    assert [topic for topic, _, _ in await alerts(home, run)] == ["broken"]


async def test_what_is_not_given_up_at_once_is_given_up_when_its_patience_ends(home: EngineEnv) -> None:
    full = ChannelError("the mailbox is full", patience=timedelta(hours=24))
    home.mail.channel.queue_faults(*[Fault(error=full)] * 60)
    run = await asked(home)
    for _ in range(23):
        home.pass_time(hours=1)
        await home.settle()
    (mia,) = [one for one in await copies(home, run) if one.address == "mia@example.com"]
    assert mia.state is DeliveryState.DUE
    home.pass_time(hours=2)
    await home.settle()
    (mia,) = [one for one in await copies(home, run) if one.address == "mia@example.com"]
    assert mia.state is DeliveryState.DEAD
    assert ("undelivered", "recording", SAM) in await alerts(home, run)


async def test_an_address_that_is_refused_is_marked_until_something_arrives(home: EngineEnv) -> None:
    refused = ChannelError("there is no such mailbox", permanent=True, about="address")
    home.mail.channel.queue_faults(Fault(error=refused))
    await asked(home)

    def marked() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(home.path)) as connection:
            return connection.execute("SELECT value, refused_why FROM address WHERE refused_at NOTNULL").fetchall()

    assert marked() == [("mia@example.com", "there is no such mailbox")]
    await asked(home)
    assert marked() == []
