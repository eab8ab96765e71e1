"""Digests and quiet hours on both databases: who is told when, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.domain import (
    DEFAULT_WORKSPACE,
    DIGEST,
    HELD,
    Address,
    Card,
    Decided,
    DeliveryKind,
    DeliveryState,
    Digest,
    InvalidPreferences,
    Preferences,
    PreferencesSet,
    Refusal,
    SetPreferences,
    Verdict,
)
from engine.errors import ChannelError
from engine.ports import DirectoryPerson
from engine.read_models import DeliveryView, PageQuery
from engine.store import identities
from engine.store.port import Tx
from engine.store.sqlite_connection import SqliteConnection
from engine.store.takeover import take_over
from tests.integration.test_deadlines import DANA, KIM, routes_of, sent, start, wait
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, TERMINAL, EngineEnv, open_engine
from tests.support.fakes import START, KnownPeople
from tests.support.recording_channel import Fault

DAILY = Preferences(digest=Digest.DAILY, at=18 * 60)
"""The clock of the tests starts at 9:00 UTC on a Monday, and no one has a time zone: the office's is UTC."""
WHEN_THREE = Preferences(digest=Digest.COUNT, at=18 * 60, count=3)
NIGHT = Preferences(quiet_from=20 * 60, quiet_until=7 * 60)


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=KnownPeople(routes_of)) as env:
        yield env


@pytest.fixture
async def on_each(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    """Open the engine on SQLite, and on PostgreSQL, for what depends on statements and on order."""
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, directory=KnownPeople(routes_of)) as env:
        yield env


async def choose(env: EngineEnv, by: Address, chosen: Preferences) -> PreferencesSet | Refusal:
    answer = await env.engine.set_preferences(SetPreferences(actor=by, origin=TERMINAL, preferences=chosen))
    await env.settle()
    return answer


async def ask(env: EngineEnv, *keys: str, people: str = "kim@example.com", title: str = "Do it?") -> str:
    return await start(env, *keys, people=people, title=title)


async def pass_until(env: EngineEnv, hour: float, *, days: int = 0) -> None:
    """Let time pass until this hour of the first day, or of a later one."""
    there = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=days, hours=hour)
    await wait(env, seconds=(there - env.clock.now()).total_seconds())


def got(env: EngineEnv, address: Address) -> list[Card]:
    return [copy.card for copy in env.channel.of(address.value)]


def kinds(env: EngineEnv, address: Address) -> list[DeliveryKind]:
    return [card.kind for card in got(env, address)]


async def copies_of(env: EngineEnv, run: str, **facts: Any) -> list[DeliveryView]:
    views = await env.engine.deliveries(run=run)
    return [view for view in views if all(getattr(view, name) == value for name, value in facts.items())]


# -- held and told -------------------------------------------------------------------------------------------


async def test_a_daily_digest_tells_in_one_message_what_was_held(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, KIM, DAILY)
    runs = [await ask(env, title=f"Number {number}?") for number in range(3)]
    assert got(env, KIM) == []
    kim = await env.engine.person(KIM)
    assert kim is not None
    waiting = await env.engine.requests(PageQuery(open_only=True), person=kim.id)
    assert len(waiting) == 3, "held requests are in the inbox meanwhile"
    await pass_until(env, 18)
    (digest,) = got(env, KIM)
    assert (digest.kind, digest.topic, digest.title) == (
        DeliveryKind.REMINDER,
        DIGEST,
        "3 requests are waiting for you",
    )
    assert {one.title for one in digest.reminds} == {"Number 0?", "Number 1?", "Number 2?"}
    for run in runs:
        (copy,) = await copies_of(env, run, kind=DeliveryKind.REQUEST)
        assert (copy.topic, copy.state, copy.shown_at) == (HELD, DeliveryState.SHOWN, env.clock.now())
        assert (await env.request(run)).model.deadlines.first_shown_at == env.clock.now()
        assert "delivery.shown" in await env.kinds(run)
    assert isinstance(await env.decide(runs[0], by=KIM), Decided)
    await pass_until(env, 18, days=2)
    assert len(got(env, KIM)) == 1, "what was told is not told again, and no copy is posted later"


async def test_a_long_digest_lists_what_is_due_first_and_says_how_many_more_there_are(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, KIM, DAILY)
    for number in range(23):
        # The one that is due first is asked first, so it is not among the newest.
        await ask(env, f"expires: {number + 30}h", title=f"Number {number}?")
    await pass_until(env, 18)
    (digest,) = got(env, KIM)
    assert digest.title == "23 requests are waiting for you"
    assert [one.title for one in digest.reminds] == [f"Number {number}?" for number in range(20)]
    assert digest.lead == (("3 more are in your inbox. In Slack it is the Home tab.",),)


async def test_people_without_preferences_are_told_at_once(env: EngineEnv) -> None:
    await choose(env, KIM, DAILY)
    run = await ask(env, people="lee@example.com, kim@example.com")
    assert kinds(env, LEE) == [DeliveryKind.REQUEST]
    assert got(env, KIM) == []
    assert isinstance(await env.decide(run, by=LEE), Decided)
    await pass_until(env, 18)
    assert got(env, KIM) == [], "nothing waits any more"
    (copy,) = await copies_of(env, run, topic=HELD)
    assert copy.state is DeliveryState.SKIPPED


async def test_the_only_request_is_a_message_with_its_buttons(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, KIM, DAILY)
    run = await ask(env)
    await pass_until(env, 18)
    (card,) = got(env, KIM)
    assert card.kind is DeliveryKind.REQUEST
    assert card.actions
    await env.decide(run, by=KIM)
    await env.settle()
    (card,) = got(env, KIM)
    assert card.outcome is not None, "it is updated like every copy"


async def test_a_digest_comes_when_enough_requests_wait(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, KIM, WHEN_THREE)
    first = await ask(env, title="First?")
    await ask(env, title="Second?")
    await env.decide(first, by=KIM)
    await ask(env, title="Third?")
    assert got(env, KIM) == [], "the first is decided, so two wait"
    await ask(env, title="Fourth?")
    (digest,) = got(env, KIM)
    assert {one.title for one in digest.reminds} == {"Second?", "Third?", "Fourth?"}
    await ask(env, title="Fifth?")
    assert len(got(env, KIM)) == 1
    await pass_until(env, 18)
    _, second = got(env, KIM)
    assert len(second.reminds) == 4, "a digest lists all that waits, not only what is new"


async def test_quiet_hours_hold_until_they_end(env: EngineEnv) -> None:
    await choose(env, KIM, NIGHT)
    await ask(env, title="By day?")
    assert kinds(env, KIM) == [DeliveryKind.REQUEST]
    await pass_until(env, 23)
    await ask(env, title="By night?")
    await pass_until(env, 6.9, days=1)
    assert len(got(env, KIM)) == 1
    await pass_until(env, 7, days=1)
    _, digest = got(env, KIM)
    assert {one.title for one in digest.reminds} == {"By day?", "By night?"}


async def test_a_digest_waits_for_the_end_of_quiet_hours(env: EngineEnv) -> None:
    await choose(env, KIM, replace(NIGHT, digest=Digest.COUNT, count=2, at=18 * 60))
    await pass_until(env, 21)
    for title in ("One?", "Two?"):
        await ask(env, title=title)
    assert got(env, KIM) == []
    await pass_until(env, 7, days=1)
    assert len(got(env, KIM)) == 1


async def test_requests_of_the_same_moment_share_one_digest(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, KIM, DAILY)
    await ask(env)
    await asyncio.gather(*(env.start() for _ in range(7)))
    await env.settle()
    await pass_until(env, 18)
    assert [len(card.reminds) for card in got(env, KIM)] == [8]


async def test_the_next_group_of_a_chain_is_held_too(env: EngineEnv) -> None:
    await choose(env, KIM, DAILY)
    chain = "policy: {chain: [[lee@example.com], [kim@example.com]]}"
    runs = [await ask(env, chain, people="", title=title) for title in ("One?", "Two?")]
    for run in runs:
        assert isinstance(await env.decide(run, by=LEE), Decided)
    await env.settle()
    assert got(env, KIM) == []
    await pass_until(env, 18)
    assert [len(card.reminds) for card in got(env, KIM)] == [2]
    for run in runs:
        assert isinstance(await env.decide(run, by=KIM), Decided)


async def test_a_vote_and_a_change_of_others_do_not_post_what_is_held(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, KIM, DAILY)
    three = "lee@example.com, kim@example.com, mia@example.com"
    run = await ask(env, "policy: {quorum: 2}", "edit: [a]", people=three)
    assert isinstance(await env.decide(run, by=LEE, verdict=Verdict.APPROVE, edits={"a": 2}), Decided)
    await env.settle()
    assert got(env, KIM) == []
    await pass_until(env, 18)
    (card,) = got(env, KIM)
    assert (card.kind, [value.text for value in card.values]) == (DeliveryKind.REQUEST, ["2"])


async def test_people_who_chose_nothing_cost_no_statement(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", directory=KnownPeople(routes_of)) as env:
        statements: list[str] = []

        def trace(tx: Tx, callback: Callable[[str], object] | None) -> None:
            assert isinstance(tx.connection, SqliteConnection)
            tx.connection.driver.set_trace_callback(callback)

        async def cost() -> int:
            statements.clear()
            await env.store.transact(lambda tx: trace(tx, statements.append))
            await env.start()
            await env.store.transact(lambda tx: trace(tx, None))
            assert not any("preferences" in statement or "reminder" in statement for statement in statements)
            return len(statements)

        await ask(env, people="lee@example.com")
        await env.start()
        before = await cost()
        await choose(env, KIM, DAILY)
        await env.start()
        assert await cost() == before


# -- what is never held --------------------------------------------------------------------------------------


async def test_what_is_due_soon_is_told_at_once(env: EngineEnv) -> None:
    await choose(env, KIM, DAILY)
    await ask(env, "expires: 17h", title="Soon?")
    assert kinds(env, KIM) == [DeliveryKind.REQUEST], "more than half of the time would be over at 18:00"
    held = await ask(env, "expires: 18h", title="Later?")
    assert len(got(env, KIM)) == 1
    request = await env.request(held)
    assert request.model.deadlines.expires_at == env.clock.now() + timedelta(hours=18), "its time runs meanwhile"
    await pass_until(env, 18)
    assert len(got(env, KIM)) == 2
    assert (await env.request(held)).model.deadlines.expires_at == request.model.deadlines.expires_at


@pytest.mark.parametrize(
    "key",
    [
        "escalate: {after: 4h, to: [mia@example.com]}",
        "expires: 30d, on_expiry: continue",
        "expires: 4h, on_expiry: reject",
    ],
)
async def test_an_escalation_or_an_end_that_comes_soon_is_never_held(env: EngineEnv, key: str) -> None:
    await choose(env, KIM, DAILY)
    await ask(env, *[part.strip() for part in key.split(", on")[:1]], *_rest(key))
    assert kinds(env, KIM) == [DeliveryKind.REQUEST]


def _rest(key: str) -> list[str]:
    return [f"on{key.split(', on')[1]}"] if ", on" in key else []


async def test_backups_are_asked_at_once(env: EngineEnv) -> None:
    await choose(env, KIM, DAILY)
    await ask(env, "escalate: {after: 1h, to: [kim@example.com]}", people="lee@example.com")
    await wait(env, hours=1)
    assert kinds(env, KIM) == [DeliveryKind.REQUEST]


async def test_reminders_begin_when_a_person_was_told(env: EngineEnv) -> None:
    await choose(env, KIM, DAILY)
    await ask(env, "expires: 2d", "remind: {after: 2h, every: 6h, times: 3}")
    await ask(env, title="Another?")
    await pass_until(env, 12)
    assert got(env, KIM) == [], "the reminder at 11:00 comes before the digest, and is left out"
    await pass_until(env, 18)
    assert [card.topic for card in got(env, KIM)] == [DIGEST]
    await pass_until(env, 0, days=1)
    assert [card.topic for card in got(env, KIM)] == [DIGEST, None]


# -- email, if there is no response --------------------------------------------------------------------------


async def test_email_follows_after_the_time_that_counts_from_the_digest(env: EngineEnv) -> None:
    await choose(env, LEE, DAILY)
    runs = [await ask(env, people="lee@example.com", title=title) for title in ("One?", "Two?")]
    await pass_until(env, 18)
    await pass_until(env, 18.24)
    assert [copy for copy in await sent(env, runs[0]) if copy[0] == "email"] == []
    await pass_until(env, 18.25)
    for run in runs:
        assert ("email", "lee") in await sent(env, run)


async def test_email_follows_after_a_digest_that_came_late(env: EngineEnv) -> None:
    await choose(env, LEE, DAILY)
    run = await ask(env, people="lee@example.com")
    await ask(env, people="lee@example.com", title="Another?")
    env.pass_time(days=3)
    request = (await env.request(run)).id
    await env.engine.process_due(request)
    await env.settle()
    assert await sent(env, run) == [("recording", "lee")], "Lee has the time to respond"
    await wait(env, minutes=15)
    assert ("email", "lee") in await sent(env, run)


async def test_email_follows_for_each_person_from_when_they_were_told(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, LEE, DAILY)
    run = await ask(env, people="lee@example.com, kim@example.com")
    await ask(env, people="lee@example.com", title="Another?")
    await pass_until(env, 14)
    assert await sent(env, run) == [("recording", "kim"), ("recording", "lee")], "it is held for Lee"
    await pass_until(env, 18)
    await pass_until(env, 18.24)
    assert ("email", "lee") not in await sent(env, run)
    await pass_until(env, 18.25)
    assert ("email", "lee") in await sent(env, run)


async def test_the_owner_is_not_alerted_while_a_request_is_held(env: EngineEnv) -> None:
    await choose(env, KIM, DAILY)
    run = await ask(env)
    await ask(env, title="Another?")
    await pass_until(env, 17.9)
    assert await copies_of(env, run, kind=DeliveryKind.ALERT) == []
    await pass_until(env, 18)
    assert "request.unseen" not in await env.kinds(run)


async def test_no_reminder_and_no_email_that_follows_comes_in_quiet_hours(env: EngineEnv) -> None:
    await choose(env, LEE, NIGHT)
    await pass_until(env, 19.9)
    run = await ask(env, "expires: 3d", "remind: {after: 3h}", people="lee@example.com")
    assert kinds(env, LEE) == [DeliveryKind.REQUEST]
    for hour in (20.2, 23, 30.9):
        await pass_until(env, hour)
    assert (kinds(env, LEE), await sent(env, run)) == ([DeliveryKind.REQUEST], [("recording", "lee")])
    await pass_until(env, 31)
    assert ("email", "lee") in await sent(env, run)
    assert kinds(env, LEE) == [DeliveryKind.REQUEST, DeliveryKind.REMINDER]


async def test_what_cannot_wait_is_reminded_of_in_quiet_hours(env: EngineEnv) -> None:
    await choose(env, KIM, NIGHT)
    await pass_until(env, 19.9)
    await ask(env, "expires: 10h", "remind: {after: 3h}")
    await pass_until(env, 22.9)
    await wait(env, minutes=1)
    assert kinds(env, KIM) == [DeliveryKind.REQUEST, DeliveryKind.REMINDER]


# -- trouble -------------------------------------------------------------------------------------------------


async def test_a_digest_comes_after_a_kill_and_only_once(tmp_path: Path) -> None:
    path, directory = tmp_path / "signoff.db", KnownPeople(routes_of)
    async with open_engine(path, directory=directory) as env:
        await choose(env, KIM, DAILY)
        for title in ("One?", "Two?"):
            await ask(env, title=title)
        clock, channel = env.clock, env.channel
    clock.pass_time(timedelta(days=2))
    async with open_engine(path, directory=directory, clock=clock, channel=channel) as env:
        channel.queue_faults(Fault(error=asyncio.CancelledError(), landed=True))
        with pytest.raises(asyncio.CancelledError):
            await env.settle()
    async with open_engine(path, directory=directory, clock=clock, channel=channel) as env:
        await wait(env, minutes=1)
        assert [len(card.reminds) for card in got(env, KIM)] == [2], "the message that landed was found again"
        for request in await env.engine.requests(PageQuery()):
            assert request.model.deadlines.first_shown_at == clock.now()
        await wait(env, days=3)
        assert len(got(env, KIM)) == 1


async def test_after_a_clock_that_was_ahead_what_is_held_is_told_at_once(env: EngineEnv) -> None:
    env.clock.at = START + timedelta(days=400)
    await choose(env, KIM, DAILY)
    for title in ("One?", "Two?"):
        await ask(env, title=title)
    env.clock.at = START
    await env.store.transact(take_over)
    await env.settle()
    assert len(got(env, KIM)) == 1


async def test_a_digest_that_cannot_be_sent_lets_go_of_what_it_held(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, LEE, DAILY)
    runs = [await ask(env, people="lee@example.com", title=title) for title in ("One?", "Two?")]
    env.channel.queue_faults(*(Fault(error=ChannelError("Lee left.", permanent=True)) for _ in range(3)))
    await pass_until(env, 18)
    for run in runs:
        assert ("email", "lee") in await sent(env, run), "each is asked another way"
        assert (await env.request(run)).model.deadlines.first_shown_at == env.clock.now()


async def test_email_follows_if_the_digest_does_not_get_through(env: EngineEnv) -> None:
    await choose(env, LEE, DAILY)
    runs = [await ask(env, people="lee@example.com", title=title) for title in ("One?", "Two?")]
    down = ChannelError("The server does not answer.")
    env.channel.queue_faults(*(Fault(error=down) for _ in range(200)))
    await pass_until(env, 18)
    for _ in range(16):
        await wait(env, minutes=1)
    for run in runs:
        assert ("email", "lee") in await sent(env, run)


async def test_people_who_turn_out_to_be_one_are_told_at_once(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, DANA, DAILY)
    runs = [await ask(env, people="dana@example.com", title=title) for title in ("One?", "Two?")]
    dana = DirectoryPerson("Dana", (Address("slack", "U1"), DANA), joined=True)
    kim = DirectoryPerson("Kim", (Address("slack", "U1"), KIM))

    def join(tx: Tx) -> None:
        identities.adopt(tx, DEFAULT_WORKSPACE, kim)
        identities.adopt(tx, DEFAULT_WORKSPACE, dana)

    await env.store.transact(join)
    await env.settle()
    person = await env.engine.person(DANA)
    assert person is not None
    assert person.preferences == DAILY
    for run in runs:
        assert await sent(env, run) == [("email", "dana")]
        assert (await env.request(run)).model.deadlines.first_shown_at == env.clock.now()


# -- changes of mind -----------------------------------------------------------------------------------------


async def test_what_is_held_is_told_when_a_person_chooses_so(on_each: EngineEnv) -> None:
    env = on_each
    await choose(env, KIM, DAILY)
    for title in ("One?", "Two?"):
        await ask(env, title=title)
    await choose(env, KIM, replace(DAILY, at=12 * 60))
    assert got(env, KIM) == []
    await pass_until(env, 12)
    assert len(got(env, KIM)) == 1
    for title in ("Three?", "Four?"):
        await ask(env, title=title)
    await choose(env, KIM, Preferences())
    assert len(got(env, KIM)) == 2


async def test_a_later_digest_never_delays_what_was_promised(env: EngineEnv) -> None:
    await choose(env, KIM, DAILY)
    for title in ("One?", "Two?"):
        await ask(env, title=title)
    await choose(env, KIM, replace(DAILY, at=8 * 60))
    await pass_until(env, 18)
    assert len(got(env, KIM)) == 1


async def test_preferences_are_in_the_audit_log_once(env: EngineEnv) -> None:
    for _ in range(2):
        answer = await choose(env, KIM, DAILY)
    assert isinstance(answer, PreferencesSet)
    assert (answer.zone, answer.knows_zone) == ("UTC", False)
    kim = await env.engine.person(KIM)
    assert kim is not None
    assert kim.preferences == DAILY
    assert env.engine.preferences(kim).preferences == DAILY
    leaves = [str(leaf) for (leaf,) in await env.rows("SELECT leaf FROM audit")]
    assert sum("person.preferences" in leaf for leaf in leaves) == 1
    await choose(env, KIM, Preferences())
    assert await env.rows("SELECT count(*) FROM person WHERE preferences IS NOT NULL") == [(0,)]


async def test_preferences_that_cannot_be_followed_are_refused(env: EngineEnv) -> None:
    for chosen, what in (
        (Preferences(digest=Digest.COUNT, count=1), "count"),
        (Preferences(digest=Digest.COUNT, count=21), "count"),
        (Preferences(quiet_from=60), "quiet"),
        (Preferences(quiet_from=60, quiet_until=60), "quiet"),
        (Preferences(at=1440), "at"),
    ):
        answer = await choose(env, KIM, chosen)
        assert isinstance(answer, InvalidPreferences)
        assert answer.what == what
