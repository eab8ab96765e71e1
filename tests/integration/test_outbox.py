from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from bot.presentation import card
from engine import retry
from engine.delivery import outbox
from engine.delivery.concurrency import SLOW_AT_ONCE
from engine.domain import Cancel, Decided, DeliveryKind, DeliveryState, Done, Expired, RequestState, Verdict
from engine.errors import ChannelError
from engine.read_models import DeliveryView
from engine.store import deliveries
from engine.store.deliveries import LEASE
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, UnexpectedError, open_engine, plain, until
from tests.support.recording_channel import Fault, RecordingChannel
from tests.support.repeating_store import RepeatingStore

GATED = """
name: flow
owner: sam@example.com
steps:
  - id: ask
    uses: set
    with: {text: hello}
    gate: {approvers: [lee@example.com], expires: 1h}
"""
TWO = GATED.replace("[lee@example.com]", "[lee@example.com, kim@example.com]")
FAILING = """
name: flow
owner: sam@example.com
steps:
  - {id: fall, uses: set, with: {a: "{{ 1 / 0 }}"}}
"""

REFUSED = ChannelError("The mailbox is busy.")
LOST = ChannelError("The line went dead.", outcome_unknown=True)
DEAD = ChannelError("There is no such mailbox.", permanent=True)


@pytest.fixture(params=[plain, RepeatingStore], ids=["sqlite", "repeating"])
async def home(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", wraps=request.param) as home:
        yield home


async def opened(home: EngineEnv, source: str = GATED) -> str:
    await home.register(source)
    return await home.start()


async def copy(home: EngineEnv, run: str) -> DeliveryView:
    (only,) = await home.engine.deliveries(run=run)
    return only


# -- the usual way ------------------------------------------------------------------------------------------


async def test_a_copy_is_posted_once_and_edited_after_the_decision(home: EngineEnv) -> None:
    run = await opened(home)
    await home.settle()
    (posted,) = home.channel.of("lee@example.com")
    assert [action.verdict for action in posted.card.actions] == ["approve", "edit", "reject"]
    assert (await copy(home, run)).state is DeliveryState.SHOWN
    assert await home.deliver() == 0, "nothing is left to do"

    assert isinstance(await home.decide(run), Decided)
    await home.settle()
    assert len(posted.cards) == 3
    assert posted.card.actions == ()
    assert "Approved" in str(posted.card.state)
    assert home.channel.calls == 3
    assert (await home.kinds(run)).count("delivery.shown") == 1


async def test_a_copy_shows_the_date_of_the_expiry_once_the_clock_has_started(home: EngineEnv) -> None:
    run = await opened(home)
    await home.settle()
    (posted,) = home.channel.of("lee@example.com")
    assert [(card.expires_at, card.expires_after) for card in posted.cards] == [
        (None, timedelta(hours=1)),
        ((await home.request(run)).model.deadlines.expires_at, None),
    ]


async def test_a_copy_follows_a_run_that_is_cancelled(home: EngineEnv) -> None:
    run = await opened(home)
    await home.settle()
    assert isinstance(await home.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    await home.settle()
    (posted,) = home.channel.of("lee@example.com")
    assert posted.card.actions == ()
    assert "Cancelled at" in str(posted.card.state)


async def test_a_hint_for_a_copy_that_is_not_due_does_nothing(home: EngineEnv) -> None:
    run = await opened(home)
    await home.settle()
    for _ in range(3):
        await home.relay.deliver((await copy(home, run)).id)
    await home.relay.deliver("nowhere")
    assert home.channel.calls == 2, "the post, and the edit that shows the date of the expiry"


async def test_two_hints_at_once_post_one_copy(home: EngineEnv) -> None:
    run = await opened(home)
    one = (await copy(home, run)).id
    await asyncio.gather(*(home.relay.deliver(one) for _ in range(10)))
    assert home.channel.calls == 1


async def test_the_first_receipt_starts_the_clock_and_the_second_does_not_move_it(home: EngineEnv) -> None:
    run = await opened(home, TWO)
    first, second = await home.engine.deliveries(run=run)
    home.pass_time(minutes=5)
    await home.relay.deliver(first.id)
    asked = (await home.request(run)).model
    assert asked.deadlines.first_shown_at == home.clock.now()
    assert asked.deadlines.expires_at == home.clock.now() + timedelta(hours=1)
    home.pass_time(minutes=5)
    await home.relay.deliver(second.id)
    later = (await home.request(run)).model
    assert later.deadlines == asked.deadlines
    home.pass_time(minutes=55)
    assert isinstance(await home.decide(run), Expired)
    await home.settle()
    assert {str(one.card.state)[:7] for one in home.channel.posted.values() if one.card.request} == {"Expired"}


async def test_a_request_that_closes_before_its_first_post_is_never_posted(home: EngineEnv) -> None:
    run = await opened(home)
    assert isinstance(await home.decide(run, Verdict.REJECT), Decided)
    await home.settle()
    assert home.channel.calls == 0
    assert (await copy(home, run)).state is DeliveryState.SKIPPED


async def test_a_decision_while_a_post_is_under_way_leaves_no_live_buttons(home: EngineEnv) -> None:
    run = await opened(home)
    gate = asyncio.Event()
    home.channel.queue_faults(Fault(gate=gate))
    posting = asyncio.ensure_future(home.deliver())
    await until(lambda: home.channel.calls == 1)
    assert isinstance(await home.decide(run), Decided)
    gate.set()
    await posting
    (posted,) = home.channel.of("lee@example.com")
    assert posted.card.actions, "it was asked before it was decided"
    await home.settle()
    assert posted.card.actions == ()
    assert "Approved" in str(posted.card.state)
    assert len(posted.cards) == 2
    asked = (await home.request(run)).model
    assert asked.deadlines.first_shown_at is None, "a clock that starts after the decision would be no clock"


async def test_an_alert_is_told_once(home: EngineEnv) -> None:
    run = await opened(home, FAILING)
    await home.settle()
    home.pass_time(days=2)
    await home.settle()
    (told,) = home.channel.of("sam@example.com")
    assert [one.kind for one in told.cards] == [DeliveryKind.ALERT]
    assert (await copy(home, run)).state is DeliveryState.SHOWN


async def test_what_a_copy_shows_is_read_without_the_outputs_of_steps(home: EngineEnv) -> None:
    await opened(home)
    await home.settle()
    assert {content.run.steps for content in home.rendered} == {()}


# -- failures that are certain ------------------------------------------------------------------------------


async def test_a_post_that_fails_is_tried_again_ever_more_rarely(home: EngineEnv) -> None:
    run = await opened(home)
    home.channel.queue_faults(*[Fault(error=REFUSED)] * 8)
    waits = []
    for _ in range(8):
        assert await home.deliver() == 1
        view = await copy(home, run)
        assert view.next_at is not None
        assert view.last_error == "The mailbox is busy."
        waits.append(view.next_at - home.clock.now())
        home.clock.pass_time(waits[-1] - timedelta(microseconds=1))
        assert await home.deliver() == 0, "not a moment too early"
        home.clock.pass_time(timedelta(microseconds=1))
    assert waits == [*retry.DELIVERY_WAITS, timedelta(hours=1)]
    assert await home.deliver() == 1
    view = await copy(home, run)
    assert (view.state, view.attempts, view.last_error) == (DeliveryState.SHOWN, 0, None)


async def test_an_edit_that_fails_is_tried_again(home: EngineEnv) -> None:
    run = await opened(home)
    await home.settle()
    await home.decide(run)
    home.channel.queue_faults(Fault(error=REFUSED), Fault(error=LOST))
    await home.settle()
    (posted,) = home.channel.of("lee@example.com")
    assert len(posted.cards) == 2
    home.pass_time(seconds=1)
    await home.settle()
    home.pass_time(seconds=5)
    await home.settle()
    assert "Approved" in str(posted.card.state)
    assert home.channel.find_calls == 0, "an edit finds its copy by its receipt"


@pytest.mark.parametrize(
    ("wish", "wait"),
    [
        (timedelta(seconds=47), timedelta(seconds=47)),
        (timedelta(milliseconds=1), timedelta(seconds=1)),
        (timedelta.max, retry.MAX_RETRY_AFTER),
    ],
)
async def test_the_vendors_wish_to_wait_is_obeyed_within_reason(
    home: EngineEnv, wish: timedelta, wait: timedelta
) -> None:
    run = await opened(home)
    home.channel.queue_faults(Fault(error=ChannelError("Too many.", retry_after=wish)))
    await home.deliver()
    assert (await copy(home, run)).next_at == home.clock.now() + wait


async def test_an_address_that_will_never_take_it_is_given_up_and_written_down(home: EngineEnv) -> None:
    run = await opened(home)
    home.channel.queue_faults(Fault(error=DEAD))
    await home.settle()
    alert, view = sorted(await home.engine.deliveries(run=run), key=lambda one: one.kind)
    assert (view.state, view.next_at, view.last_error) == (DeliveryState.DEAD, None, "There is no such mailbox.")
    assert (alert.kind, alert.topic, alert.state) == (DeliveryKind.ALERT, "unreachable", DeliveryState.SHOWN)
    dead = [one for one in await home.engine.story(run) if one.kind == "delivery.dead"]
    assert [dict(one.content or {})["error"] for one in dead] == ["There is no such mailbox."]
    home.pass_time(minutes=14)
    assert isinstance(await home.decide(run), Decided)
    await home.settle()
    assert home.channel.calls == 3, "a dead copy follows nothing; what its owner was told does"


async def test_a_channel_that_is_not_set_up_is_said_and_waited_for(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", reached_by="pigeons") as home:
        run = await opened(home)
        await home.deliver()
        view = await copy(home, run)
        assert view.last_error == "The channel pigeons is not set up on this server."
        assert view.state is DeliveryState.DUE
        await home.decide(run)
        await home.settle()
        assert (await copy(home, run)).state is DeliveryState.SKIPPED


# -- failures that are not ----------------------------------------------------------------------------------


async def test_a_post_of_unknown_outcome_that_landed_is_adopted(home: EngineEnv) -> None:
    run = await opened(home)
    home.channel.queue_faults(Fault(error=LOST, landed=True))
    await home.deliver()
    assert (await copy(home, run)).next_at == home.clock.now() + retry.UNKNOWN_OUTCOME_WAIT
    home.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
    await home.settle()
    assert len(home.channel.of("lee@example.com")) == 1
    assert (await copy(home, run)).state is DeliveryState.SHOWN
    await home.decide(run)
    await home.settle()
    assert "Approved" in str(home.channel.of("lee@example.com")[0].card.state)


async def test_a_post_of_unknown_outcome_that_did_not_land_is_posted_again(home: EngineEnv) -> None:
    run = await opened(home)
    home.channel.queue_faults(Fault(error=LOST))
    await home.deliver()
    home.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
    await home.settle()
    assert (home.channel.find_calls, len(home.channel.of("lee@example.com"))) == (1, 1)
    assert (await copy(home, run)).state is DeliveryState.SHOWN


async def test_as_long_as_nobody_can_look_nothing_is_posted_again(home: EngineEnv) -> None:
    await opened(home)
    home.channel.queue_faults(Fault(error=LOST, landed=True))
    home.channel.queue_find_errors(REFUSED, REFUSED)
    for _ in range(4):
        await home.deliver()
        home.pass_time(minutes=1)
    assert len(home.channel.of("lee@example.com")) == 1
    assert home.channel.find_calls == 3


@pytest.mark.parametrize("landed", [True, False])
async def test_a_request_that_closes_after_a_post_of_unknown_outcome_leaves_no_live_buttons(
    home: EngineEnv, landed: bool
) -> None:
    run = await opened(home)
    home.channel.queue_faults(Fault(error=LOST, landed=landed))
    await home.deliver()
    await home.decide(run, Verdict.REJECT)
    await home.settle()
    posted = home.channel.of("lee@example.com")
    assert len(posted) == int(landed), "what did not land need not be posted any more"
    assert all("Rejected" in str(one.card.state) for one in posted)
    assert (await copy(home, run)).state is (DeliveryState.SHOWN if landed else DeliveryState.SKIPPED)


@pytest.mark.parametrize("landed", [True, False])
async def test_after_a_crash_between_the_post_and_its_record_one_copy_is_found_or_posted(
    tmp_path: Path, landed: bool
) -> None:
    async with open_engine(tmp_path / "signoff.db") as before:
        run = await opened(before)
        # The post is cut off with the process that made it; only the other side knows whether it landed.
        before.channel.queue_faults(Fault(error=asyncio.CancelledError(), landed=landed))
        with pytest.raises(asyncio.CancelledError):
            await before.deliver()
    async with open_engine(tmp_path / "signoff.db", clock=before.clock, channel=before.channel) as after:
        await after.settle()
        assert after.channel.calls == 1, "its lease still runs"
        after.clock.pass_time(LEASE)
        await after.settle()
        assert len(after.channel.of("lee@example.com")) == 1
        assert after.channel.find_calls == 1
        assert (await copy(after, run)).state is DeliveryState.SHOWN
        assert (await after.request(run)).model.deadlines.first_shown_at == after.clock.now()


async def test_a_relay_that_was_taken_over_records_nothing(home: EngineEnv, tmp_path: Path) -> None:
    run = await opened(home)
    one, gate = (await copy(home, run)).id, asyncio.Event()
    home.channel.queue_faults(Fault(gate=gate, error=DEAD))
    slow = asyncio.ensure_future(home.relay.deliver(one))
    await until(lambda: home.channel.calls == 1)
    home.clock.pass_time(LEASE)
    channels, directory = {"other": home.channel}, home.advancer.directory
    other = outbox.Relay(
        home.store, channels=channels, directory=directory, render=lambda copy: pytest.fail("rendered")
    )
    await other.deliver(one)
    gate.set()
    await slow
    view = await copy(home, run)
    assert (view.state, view.last_error) == (DeliveryState.DUE, "The channel recording is not set up on this server.")


async def test_a_relay_that_comes_back_after_its_lease_leaves_no_live_buttons(home: EngineEnv) -> None:
    run = await opened(home)
    await home.settle()
    one, gate = (await copy(home, run)).id, asyncio.Event()
    await home.store.transact(lambda tx: deliveries.mark_to_show_again(tx, one))
    home.channel.queue_faults(Fault(gate=gate))
    slow = asyncio.ensure_future(home.relay.deliver(one))
    await until(lambda: home.channel.calls == 3)
    home.clock.pass_time(LEASE)
    assert isinstance(await home.decide(run), Decided)
    same_place = RecordingChannel()
    same_place.posted = home.channel.posted
    channels, directory = {"recording": same_place}, home.advancer.directory
    await outbox.Relay(home.store, channels=channels, directory=directory, render=card.card).deliver(one)
    (posted,) = home.channel.of("lee@example.com")
    assert posted.card.actions == ()
    gate.set()
    await slow
    assert posted.card.actions, "what came late lies over the outcome"
    await home.settle()
    assert posted.card.actions == ()
    assert "Approved" in str(posted.card.state)


async def test_a_channel_that_hangs_is_cut_off_and_its_copy_looked_for(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", show_seconds=0.01) as home:
        run = await opened(home)
        home.channel.queue_faults(Fault(gate=asyncio.Event()))
        await home.deliver()
        assert "did not answer within 0.01 seconds" in str((await copy(home, run)).last_error)
        home.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
        await home.settle()
        assert home.channel.find_calls == 1
        assert (await copy(home, run)).state is DeliveryState.SHOWN


@pytest.mark.parametrize("error", [UnexpectedError("oh"), KeyError("oh"), TimeoutError(), BrokenPipeError()])
@pytest.mark.parametrize("landed", [True, False])
async def test_a_channel_with_a_bug_neither_loses_the_copy_nor_posts_it_twice_nor_spins(
    home: EngineEnv, error: Exception, landed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run = await opened(home)
    home.channel.queue_faults(Fault(error=error, landed=landed))
    with caplog.at_level(logging.ERROR):
        await home.deliver()
    view = await copy(home, run)
    assert view.id in str(view.last_error)
    assert [record.exc_info is not None and view.id in record.getMessage() for record in caplog.records] == [True]
    assert await home.deliver() == 0
    home.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
    await home.settle()
    assert len(home.channel.of("lee@example.com")) == 1
    assert (await copy(home, run)).state is DeliveryState.SHOWN


async def test_a_receipt_that_cannot_be_recorded_is_kept_until_it_can_and_nothing_is_posted_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_engine(tmp_path / "signoff.db", busy_seconds=0.01) as home:
        run = await opened(home)
        gate = asyncio.Event()
        home.channel.queue_faults(Fault(gate=gate))
        posting = asyncio.ensure_future(home.deliver())
        await until(lambda: home.channel.calls == 1)
        one = (await copy(home, run)).id
        other = sqlite3.connect(home.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.ERROR):
            gate.set()
            await until(lambda: bool(caplog.records))
        assert "locked by another program" in caplog.records[0].getMessage()
        home.clock.pass_time(2 * LEASE)
        await home.relay.deliver(one)
        other.execute("ROLLBACK")
        other.close()
        await posting
        assert (home.channel.calls, home.channel.find_calls) == (1, 0)
        assert (await copy(home, run)).state is DeliveryState.SHOWN


# -- the table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 5), (3, 30), (4, 120), (5, 600), (6, 1800), (7, 3600), (1000, 3600)]
)
def test_the_waits_after_failures(attempts: int, seconds: int) -> None:
    assert retry.waits(retry.DELIVERY_WAITS, attempts) == timedelta(seconds=seconds)


async def test_many_copies_of_one_request_all_follow_its_end(home: EngineEnv) -> None:
    everybody = [f"p{number}@example.com" for number in range(50)]
    run = await opened(home, GATED.replace("[lee@example.com]", json.dumps(["lee@example.com", *everybody])))
    await home.settle()
    await home.decide(run)
    await home.settle()
    assert len(home.channel.posted) == 51
    assert all("Approved" in str(one.card.state) for one in home.channel.posted.values())
    assert (await home.request(run)).model.state is RequestState.APPROVED


async def test_a_copy_that_a_crash_cut_off_is_taken_up_at_once_by_whoever_owns_the_file_next(tmp_path: Path) -> None:
    path, channel = tmp_path / "signoff.db", RecordingChannel()
    async with open_engine(path, channel=channel) as before:
        await before.register(GATED)
        run = await before.start()
        held = await copy(before, run)
        await before.store.transact(lambda tx: deliveries.claim_delivery(tx, held.id))
        assert await before.deliver() == 0
    async with open_engine(path, channel=channel) as after:
        await after.store.transact(deliveries.release_deliveries)
        assert await after.deliver() == 1
        assert channel.find_calls == 1, "it may have been posted"


class Slow(RecordingChannel):
    show_seconds: ClassVar[float] = 300.0


async def test_a_channel_that_takes_longer_is_left_alone_for_longer(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", channel=Slow()) as home:
        await home.register(GATED)
        run = await home.start()
        gate = asyncio.Event()
        home.channel.queue_faults(Fault(gate=gate))
        showing = asyncio.ensure_future(home.relay.deliver((await copy(home, run)).id))
        await until(lambda: home.channel.calls == 1)
        home.pass_time(seconds=309)
        assert await home.deliver() == 0
        gate.set()
        await showing
        assert (await copy(home, run)).state is DeliveryState.SHOWN


async def test_a_slow_channel_leaves_places_to_the_others_and_takes_up_what_waits_for_it(tmp_path: Path) -> None:
    many = GATED.replace("[lee@example.com]", "[" + ", ".join(f"p{n}@example.com" for n in range(40)) + "]")
    async with open_engine(tmp_path / "signoff.db", channel=Slow()) as home:
        await home.register(many)
        run = await home.start()
        gate = asyncio.Event()
        home.channel.queue_faults(*[Fault(gate=gate)] * 40)
        due = [one.id for one in await home.engine.deliveries(run=run)]
        showing = [asyncio.ensure_future(home.relay.deliver(one)) for one in due]
        await until(
            lambda: home.channel.calls == SLOW_AT_ONCE and sum(one.done() for one in showing) == 40 - SLOW_AT_ONCE
        )
        assert await home.deliver() == 40 - SLOW_AT_ONCE, "they are still due, and none of them is begun"
        assert home.channel.calls == SLOW_AT_ONCE
        gate.set()
        await asyncio.gather(*showing)
        assert {one.state for one in await home.engine.deliveries(run=run)} == {DeliveryState.SHOWN}
