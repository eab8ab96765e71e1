"""Reminders, escalation and working hours on real databases: who is asked when, and what everyone sees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.presentation import dates
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    Card,
    Decided,
    DeliveryKind,
    DeliveryState,
    Expired,
    NotAnApprover,
    Person,
    RequestState,
    RunStatus,
    Verdict,
)
from engine.errors import ChannelError
from engine.ports import DirectoryPerson, Route
from engine.read_models import DeliveryView
from engine.requests import working_hours
from engine.store import identities
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, EngineEnv, open_engine
from tests.support.fakes import START, FakeClock, KnownPeople
from tests.support.recording_channel import Fault

KIM, MIA, DANA = (Address("email", f"{name}@example.com") for name in ("kim", "mia", "dana"))
GATED = """
name: {name}
owner: sam@example.com
inputs: {{who: {{type: email, required: false}}}}
steps:
  - id: act
    uses: set
    with: {{a: 1}}
    gate:
      title: "{title}"
{keys}
"""


def routes_of(email: str) -> list[Route]:
    """Return the routes of people: Lee has an account and email, Dana only email, all others only an account."""
    account, mail = Route("recording", email), Route("email", email)
    return {"lee@example.com": [account, mail], "dana@example.com": [mail]}.get(email, [account])


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=KnownPeople(routes_of)) as env:
        yield env


@pytest.fixture
async def on_each(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    """Open the engine on SQLite, and on PostgreSQL, for what depends on statements and on order."""
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=KnownPeople(routes_of)) as env:
        yield env


async def start(
    env: EngineEnv,
    *keys: str,
    people: str = "lee@example.com, kim@example.com",
    name: str = "flow",
    title: str = "Do it?",
    **inputs: str,
) -> str:
    asks = [f"approvers: [{people}]"] if people else []
    lines = "\n".join(f"      {key}" for key in (*asks, *keys))
    await env.register(GATED.format(name=name, title=title, keys=lines))
    run = await env.start(name, **inputs)
    await env.settle()
    return run


async def wait(env: EngineEnv, **delta: float) -> None:
    env.pass_time(**delta)
    await env.settle()


async def wait_and_collect(env: EngineEnv, **delta: float) -> None:
    """Let time pass, then the time for which reminders to one person are collected."""
    await wait(env, **delta)
    await wait(env, minutes=1)


async def sent(env: EngineEnv, run: str, kind: DeliveryKind = DeliveryKind.REQUEST) -> list[tuple[str, str]]:
    views = await env.engine.deliveries(run=run)
    return sorted((view.channel, view.address.partition("@")[0]) for view in views if view.kind is kind)


def reminders(env: EngineEnv, address: Address) -> list[Card]:
    """Return the reminders that a person got, on any channel, the oldest first."""
    copies = [*env.channel.of(address.value), *env.mail.channel.of(address.value)]
    return [copy.card for copy in copies if copy.card.kind is DeliveryKind.REMINDER]


def fact(card: Card, label: str) -> str | None:
    texts = [dates.written(fact.text) for fact in card.details if fact.label == label]
    return texts[0] if texts else None


def lead(card: Card) -> list[str]:
    return [dates.written(phrase) for phrase in card.lead]


# -- escalation ---------------------------------------------------------------------------------------------


async def test_backups_are_asked_as_well_if_there_is_no_decision_in_time(on_each: EngineEnv) -> None:
    env = on_each
    run = await start(env, "escalate: {after: 4h, to: [mia@example.com, dana@example.com]}")
    card = env.channel.of(LEE.value)[0].card
    assert fact(card, "Escalates") == "to mia@example.com and dana@example.com, Mar 2, 2026, 1:00 PM UTC"
    assert isinstance(await env.decide(run, by=MIA), NotAnApprover)
    await wait(env, hours=4)
    assert ("email", "dana") in await sent(env, run)
    escalated = "to mia@example.com and dana@example.com, Mar 2, 2026, 1:00 PM UTC"
    to_mia = escalated.replace("mia@example.com", "you")
    for address, said in ((LEE, escalated), (MIA, to_mia)):
        card = env.channel.of(address.value)[0].card
        assert f"Escalated {said}." in lead(card)
        assert (fact(card, "Escalated"), fact(card, "Escalates")) == (escalated, None)
    approvers = (await env.request(run)).approvers
    assert [approver.rule for approver in approvers[2:]] == [
        "escalation: mia@example.com",
        "escalation: dana@example.com",
    ]
    assert isinstance(await env.decide(run, by=MIA), Decided)
    await env.settle()
    assert fact(env.channel.of(LEE.value)[0].card, "Escalated") == escalated


async def test_the_record_names_the_backups_and_the_moments(env: EngineEnv) -> None:
    run = await start(env, "expires: 2d", "escalate: {after: 4h, to: mia@example.com}", "remind: true")
    await wait(env, hours=4)
    story = {entry.kind: entry.content for entry in await env.engine.story(run)}
    assert story["request.escalated"] is not None
    assert story["request.escalated"]["approvers"] == [
        {"person": (await env.request(run)).approvers[2].person.id}
        | {"name": "mia@example.com", "rule": "escalation: mia@example.com"}
    ]
    entries = [entry for entry in await env.engine.story(run) if entry.kind == "request.clocks_started"]
    assert entries[0].content == {
        "expires_at": "2026-03-04T09:00:00+00:00",
        "escalates_at": "2026-03-02T13:00:00+00:00",
        "reminders": ["2026-03-03T09:00:00+00:00", "2026-03-04T04:12:00+00:00"],
    }


async def test_a_decision_before_the_escalation_leaves_the_backups_alone(env: EngineEnv) -> None:
    run = await start(env, "escalate: {after: 4h, to: mia@example.com}", "remind: {after: 1h, every: 1h}")
    assert isinstance(await env.decide(run), Decided)
    await wait(env, hours=9)
    assert await sent(env, run) == [("recording", "kim"), ("recording", "lee")]
    assert reminders(env, LEE) == []


async def test_backups_that_do_not_answer_are_asked_by_email_too(env: EngineEnv) -> None:
    run = await start(env, "escalate: {after: 4h, to: lee@example.com}", people="kim@example.com")
    await wait(env, hours=4)
    assert ("email", "lee") not in await sent(env, run)
    await wait(env, minutes=15)
    assert ("email", "lee") in await sent(env, run)


async def test_with_escalate_the_time_starts_again_once_and_then_the_run_stops(env: EngineEnv) -> None:
    run = await start(env, "expires: 1d", "on_expiry: escalate", "escalate: {to: mia@example.com}")
    card = env.channel.of(LEE.value)[0].card
    assert (card.expires_at, card.escalates) == (START + timedelta(days=1), True)
    env.pass_time(days=1, seconds=1)
    assert not isinstance(await env.decide(run, by=ANN), Expired), "the last word is not spoken yet"
    await env.settle()
    card = env.channel.of(MIA.value)[0].card
    assert (card.expires_at, card.escalates) == (START + timedelta(days=2, seconds=1), False)
    await wait(env, days=1)
    request = await env.request(run)
    assert (request.model.state, request.run_status) == (RequestState.EXPIRED, RunStatus.EXPIRED)
    assert "The run was stopped" in dates.written(env.channel.of(MIA.value)[0].card.outcome.line)  # type: ignore[union-attr]


async def test_an_escalation_asks_no_one_twice_and_never_the_requester(env: EngineEnv) -> None:
    run = await start(env, "escalate: {after: 4h, to: [lee@example.com, mia@example.com, requester]}")
    await wait(env, hours=4)
    assert await sent(env, run) == [("email", "lee"), ("recording", "kim"), ("recording", "lee"), ("recording", "mia")]


async def test_backups_may_stand_in_for_every_group_of_a_chain_that_is_missing(on_each: EngineEnv) -> None:
    env = on_each
    chain = "policy: {chain: [[lee@example.com], [kim@example.com]]}"
    run = await start(env, chain, "escalate: {after: 4h, to: [mia@example.com, dana@example.com]}", people="")
    await wait(env, hours=4)
    for address in (MIA, DANA):
        assert isinstance(await env.decide(run, by=address), Decided)
        await env.settle()
    assert (await env.request(run)).model.state is RequestState.APPROVED


async def test_only_people_whose_approval_is_missing_are_reminded(env: EngineEnv) -> None:
    run = await start(env, "policy: {quorum: 2}", "remind: {after: 1d}")
    assert isinstance(await env.decide(run), Decided)
    await wait_and_collect(env, days=1)
    assert (len(reminders(env, LEE)), len(reminders(env, KIM))) == (0, 1)


async def test_without_anyone_else_the_owner_is_asked_or_the_request_says_so(env: EngineEnv) -> None:
    run = await start(env, 'escalate: {after: 4h, to: "{{ inputs.who }}"}', who="lee@example.com")
    await wait(env, hours=4)
    assert ("recording", "sam") in await sent(env, run)
    run = await start(
        env,
        'escalate: {after: 4h, to: "{{ inputs.who }}"}',
        people="lee@example.com, owner",
        who="lee@example.com",
    )
    assert "No one else can be asked if there is no decision in time." in (await env.request(run)).notes
    await wait(env, hours=4)
    assert await sent(env, run) == [("email", "lee"), ("recording", "lee"), ("recording", "sam")]


async def test_a_request_that_reached_no_one_is_escalated_all_the_same(env: EngineEnv) -> None:
    gone = Fault(error=ChannelError("the account is gone", permanent=True))
    env.channel.queue_faults(gone, gone)
    env.mail.channel.queue_faults(gone)
    run = await start(env, "escalate: {after: 4h, to: mia@example.com}")
    await wait(env, minutes=15)
    await wait(env, hours=4)
    assert ("recording", "mia") in await sent(env, run)


# -- reminders ----------------------------------------------------------------------------------------------


async def test_approvers_are_reminded_at_half_and_at_nine_tenths_of_the_time(env: EngineEnv) -> None:
    await start(env, "expires: 20h", "remind: true")
    await wait(env, hours=9, minutes=59)
    assert reminders(env, LEE) == []
    await wait_and_collect(env, minutes=1)
    (reminder,) = reminders(env, LEE)
    assert (reminder.title, reminder.expires_at) == ("Do it?", START + timedelta(hours=20))
    await wait_and_collect(env, hours=8)
    assert (len(reminders(env, LEE)), len(reminders(env, KIM))) == (2, 2)
    await wait(env, hours=2)
    assert len(reminders(env, LEE)) == 2


async def test_reminders_are_repeated_as_often_as_the_gate_says(env: EngineEnv) -> None:
    await start(env, "remind: {after: 1d, every: 1d, times: 3}")
    for _ in range(5):
        await wait_and_collect(env, days=1)
    assert len(reminders(env, LEE)) == 3


async def test_a_reminder_that_waits_is_not_sent_once_the_request_is_decided(env: EngineEnv) -> None:
    run = await start(env, "remind: {after: 1d}")
    await wait(env, days=1)
    assert [state async for state in states(env, run)] == [DeliveryState.DUE, DeliveryState.DUE]
    assert isinstance(await env.decide(run, Verdict.REJECT), Decided)
    await wait(env, minutes=2)
    assert reminders(env, LEE) == []
    assert [state async for state in states(env, run)] == [DeliveryState.SKIPPED, DeliveryState.SKIPPED]


async def states(env: EngineEnv, run: str) -> AsyncIterator[DeliveryState]:
    for view in await env.engine.deliveries(run=run):
        if view.kind is DeliveryKind.REMINDER:
            yield view.state


async def test_several_requests_are_in_one_message_with_values_and_deadlines(on_each: EngineEnv) -> None:
    env = on_each
    await start(env, "expires: 20h", "remind: true", title="First?")
    await wait(env, seconds=20)
    second = await start(env, "expires: 10h", "remind: {after: 9h59m}", title="Second?", name="other")
    await start(env, title="Third?", name="another")
    await wait_and_collect(env, hours=10, seconds=-10)
    (reminder,) = reminders(env, LEE)
    assert reminder.title == "3 requests are waiting for you"
    assert [card.title for card in reminder.reminds] == ["Second?", "First?", "Third?"]
    assert [dates.written(note.text) for note in reminder.notes] == [
        "ann@example.com asks. Expires Mar 2, 2026, 7:00 PM UTC.",
        "ann@example.com asks. Expires Mar 3, 2026, 5:00 AM UTC.",
        "ann@example.com asks.",
    ]
    kinds = [(entry.kind, entry.content) for entry in await env.engine.story(second)]
    assert any(kind == "delivery.shown" and content and content["kind"] == "reminder" for kind, content in kinds)
    await wait(env, hours=4, minutes=5)
    assert len(reminders(env, LEE)) == 1, "the first message was about both"


async def test_a_person_gets_at_most_one_reminder_in_four_hours(on_each: EngineEnv) -> None:
    env = on_each
    await start(env, "remind: {after: 2h, every: 1h, times: 5}")
    moments = list[timedelta]()
    for _ in range(14):
        await wait(env, minutes=30)
        if len(reminders(env, LEE)) > len(moments):
            moments.append(env.clock.now() - START)
    assert [moment // timedelta(hours=1) for moment in moments] == [2, 6]


async def test_a_reminder_takes_the_way_by_which_the_request_came(env: EngineEnv) -> None:
    env.channel.queue_faults(Fault(error=ChannelError("the account is gone", permanent=True)))
    run = await start(env, "remind: {after: 1d}", people="lee@example.com")
    await wait_and_collect(env, days=1)
    assert await sent(env, run, DeliveryKind.REMINDER) == [("email", "lee")]
    (reminder,) = reminders(env, LEE)
    assert reminder.token, "it has a link to the request"


async def test_a_request_that_must_not_be_emailed_is_in_no_email(env: EngineEnv) -> None:
    await start(env, "remind: {after: 1d}", people="dana@example.com", title="Open?")
    await start(env, "email: never", people="lee@example.com, dana@example.com", name="other", title="Secret?")
    await wait_and_collect(env, days=1)
    (reminder,) = reminders(env, DANA)
    assert (reminder.title, reminder.reminds) == ("Open?", ())


async def test_backups_are_reminded_too(env: EngineEnv) -> None:
    await start(env, "expires: 20h", "on_expiry: escalate", "escalate: {to: mia@example.com}", "remind: true")
    await wait_and_collect(env, hours=10)
    await wait(env, hours=10)
    await wait_and_collect(env, hours=10)
    assert (len(reminders(env, MIA)), len(reminders(env, LEE))) == (1, 2)


async def test_a_person_who_was_just_asked_is_not_reminded_at_once(env: EngineEnv) -> None:
    await start(env, "remind: {after: 4h10m, every: 5h, times: 2}", "escalate: {after: 4h, to: mia@example.com}")
    await wait(env, hours=4)
    await wait_and_collect(env, minutes=10)
    assert (len(reminders(env, LEE)), len(reminders(env, MIA))) == (1, 0)
    await wait_and_collect(env, hours=5)
    assert (len(reminders(env, LEE)), len(reminders(env, MIA))) == (2, 1)


# -- working hours ------------------------------------------------------------------------------------------


async def give_zone(env: EngineEnv, address: Address, zone: str) -> None:
    who = DirectoryPerson(address.value, (address,), zone=zone)
    await env.store.transact(lambda tx: identities.adopt(tx, DEFAULT_WORKSPACE, who))


@pytest.fixture(params=["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def zone_of_the_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the process be in this time zone."""
    zone: str = request.param
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        yield zone
    time.tzset()


@pytest.mark.usefixtures("zone_of_the_process")
async def test_working_hours_are_those_of_the_approvers_and_kept_with_the_request(env: EngineEnv) -> None:
    await give_zone(env, LEE, "Europe/Berlin")
    await give_zone(env, KIM, "America/New_York")
    env.advancer.hours = working_hours.parse("mon-fri 09:00-17:00", holidays="DE-BE")
    run = await start(env, "expires: 5d", "remind: {after: 4h}", "hours: true")
    env.advancer.hours = working_hours.parse("sat,sun 00:00-01:00")
    deadlines = (await env.request(run)).model.deadlines
    # Monday to Friday in New York; the holiday of Berlin is on Sunday, March 8.
    assert deadlines.expires_at == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert [reminder.at for reminder in deadlines.reminders] == [datetime(2026, 3, 2, 18, tzinfo=UTC)]
    (record,) = [entry.content for entry in await env.engine.story(run) if entry.kind == "request.clocks_started"]
    assert record is not None
    assert (record["hours"], record["holidays"]) == ("mon,tue,wed,thu,fri 09:00-17:00 UTC", "DE-BE")
    assert str(record["library"]).startswith("holidays 0.")


async def test_no_one_is_reminded_outside_of_their_own_working_hours(env: EngineEnv) -> None:
    await give_zone(env, LEE, "Europe/Berlin")
    await give_zone(env, KIM, "America/New_York")
    await start(env, "remind: {after: 4h}", "hours: true")
    await wait_and_collect(env, hours=9)  # Monday at 1 PM in New York, and at 7 PM in Berlin
    assert (len(reminders(env, LEE)), len(reminders(env, KIM))) == (0, 1)
    await wait(env, hours=14)
    assert len(reminders(env, LEE)) == 1


@pytest.mark.parametrize(
    ("asked", "expires"),
    [
        ("2028-02-28T15:00", "2028-03-01T15:00"),
        ("2026-03-27T15:00", "2026-03-31T14:00"),
        ("2027-03-26T15:00", "2027-03-31T15:00"),
        ("2026-10-23T14:00", "2026-10-27T15:00"),
        ("2026-12-31T15:00", "2027-01-05T15:00"),
    ],
    ids=["leap day", "to summer time", "Easter", "to winter time", "new year"],
)
async def test_two_working_days_end_at_the_same_time_of_day(tmp_path: Path, asked: str, expires: str) -> None:
    clock = FakeClock(datetime.fromisoformat(f"{asked}+00:00"))
    async with open_engine(tmp_path / "signoff.db", clock=clock, directory=KnownPeople(routes_of)) as env:
        await give_zone(env, LEE, "Europe/Berlin")
        env.advancer.hours = working_hours.parse("mon-fri 09:00-17:00", holidays="DE-BE")
        run = await start(env, "expires: 2d", "hours: true", people="lee@example.com")
        expiry = datetime.fromisoformat(f"{expires}+00:00")
        assert (await env.request(run)).model.deadlines.expires_at == expiry
        env.clock.at = expiry - timedelta(microseconds=1)
        await env.settle()
        assert (await env.request(run)).model.state is RequestState.PENDING
        await wait(env, microseconds=1)
        assert (await env.request(run)).model.state is RequestState.EXPIRED


# -- clocks -------------------------------------------------------------------------------------------------


async def test_a_click_at_the_instant_of_the_deadline_has_one_winner_that_everyone_sees(on_each: EngineEnv) -> None:
    env = on_each
    for turn in range(6):
        run = await start(env, "expires: 1h", name=f"race{turn}")
        request = (await env.request(run)).id
        env.pass_time(hours=1, microseconds=-(turn % 2))
        click, deadline = env.decide(run), env.engine.process_due(request)
        first, second = (click, deadline) if turn % 3 else (deadline, click)
        results = await asyncio.gather(first, second)
        answer = results[0] if turn % 3 else results[1]
        await wait(env, microseconds=1)
        state = (await env.request(run)).model.state
        assert (state is RequestState.APPROVED) == isinstance(answer, Decided)
        assert state is RequestState.APPROVED or isinstance(answer, Expired)
        assert state is (RequestState.APPROVED if turn % 2 else RequestState.EXPIRED)
        cards = [copy.card for copy in env.channel.posted.values() if copy.card.request == request]
        assert len({card.outcome.line for card in cards if card.outcome}) == 1
        assert len(cards) == 2


async def test_an_escalation_and_a_click_at_the_same_instant_both_count(on_each: EngineEnv) -> None:
    env = on_each
    run = await start(env, "escalate: {after: 4h, to: mia@example.com}")
    env.pass_time(hours=4)
    answer, _ = await asyncio.gather(env.decide(run), env.engine.process_due((await env.request(run)).id))
    await env.settle()
    assert isinstance(answer, Decided)
    views = await env.engine.deliveries(run=run)
    assert all(_is_settled(view) for view in views)
    cards = [copy.card for copy in env.channel.posted.values()]
    assert all(card.outcome is not None for card in cards)


def _is_settled(view: DeliveryView) -> bool:
    return view.next_at is None


async def test_after_a_jump_of_the_clock_everything_that_was_due_happens_once(on_each: EngineEnv) -> None:
    env = on_each
    run = await start(
        env,
        "expires: 30d",
        "on_expiry: escalate",
        "escalate: {after: 1d, to: mia@example.com}",
        "remind: {after: 1d, every: 1d}",
    )
    await wait(env, days=20)
    await wait(env, minutes=1)
    assert (len(reminders(env, LEE)), len(reminders(env, MIA))) == (1, 0), "Mia was just asked"
    await wait(env, days=-19)
    assert len(reminders(env, LEE)) == 1
    await wait(env, days=19, hours=23)
    assert len(reminders(env, LEE)) == 1
    await wait(env, hours=2)
    await wait(env, minutes=2)
    assert len(reminders(env, LEE)) == 2
    assert [kind for kind in await env.kinds(run) if kind == "request.escalated"] == ["request.escalated"]


async def test_after_a_clock_that_was_ahead_people_are_reminded_again(env: EngineEnv) -> None:
    await start(env, "remind: {after: 1h}")
    await wait(env, days=300)
    await wait(env, minutes=1)
    env.pass_time(days=-300)
    await start(env, "remind: {after: 1h}", name="other")
    await wait(env, hours=1)
    await wait(env, hours=4)
    assert len(reminders(env, LEE)) == 2


async def test_names_of_people_are_those_of_now(env: EngineEnv) -> None:
    """The owner is a backup by keyword: the record keeps the rule, and cards show the person."""
    run = await start(env, "escalate: {after: 4h, to: owner}")
    backups = (await env.request(run)).model.backups
    assert [(backup.person, backup.rule) for backup in backups] == [(await person(env, SAM), "escalation: owner")]


async def person(env: EngineEnv, address: Address) -> Person:
    found = await env.engine.person(address)
    assert found is not None
    return found
