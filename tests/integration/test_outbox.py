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
from engine.store import deliveries, delivery_leases
from engine.store.delivery_leases import LEASE
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, UnexpectedError, open_engine, until
from tests.support.recording_channel import Fault, RecordingChannel

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


@pytest.fixture
async def env(tmp_path: Path, open_store: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_store) as env:
        yield env


async def start_run(env: EngineEnv, source: str = GATED) -> str:
    await env.register(source)
    return await env.start()


async def copy(env: EngineEnv, run: str) -> DeliveryView:
    (only,) = await env.engine.deliveries(run=run)
    return only


# -- without failures ---------------------------------------------------------------------------------------


async def test_a_copy_is_posted_once_and_edited_after_the_decision(env: EngineEnv) -> None:
    run = await start_run(env)
    await env.settle()
    (posted,) = env.channel.of("lee@example.com")
    assert [action.verdict for action in posted.card.actions] == ["approve", "edit", "reject"]
    assert (await copy(env, run)).state is DeliveryState.SHOWN
    assert await env.deliver() == 0, "no work is left"

    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    assert len(posted.cards) == 3
    assert posted.card.actions == ()
    assert "Approved" in str(posted.card.outcome)
    assert env.channel.calls == 3
    assert (await env.kinds(run)).count("delivery.shown") == 1


async def test_a_copy_shows_the_date_of_the_expiry_once_the_clock_has_started(env: EngineEnv) -> None:
    run = await start_run(env)
    await env.settle()
    (posted,) = env.channel.of("lee@example.com")
    assert [(card.expires_at, card.expires_after) for card in posted.cards] == [
        (None, timedelta(hours=1)),
        ((await env.request(run)).model.deadlines.expires_at, None),
    ]


async def test_a_copy_follows_a_run_that_is_cancelled(env: EngineEnv) -> None:
    run = await start_run(env)
    await env.settle()
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    await env.settle()
    (posted,) = env.channel.of("lee@example.com")
    assert posted.card.actions == ()
    assert "The run was cancelled" in str(posted.card.outcome)


async def test_a_hint_for_a_copy_that_is_not_due_does_nothing(env: EngineEnv) -> None:
    run = await start_run(env)
    await env.settle()
    for _ in range(3):
        await env.relay.deliver((await copy(env, run)).id)
    await env.relay.deliver("nowhere")
    assert env.channel.calls == 2, "the post, and the edit that shows the date of the expiry"


async def test_two_hints_at_once_post_one_copy(env: EngineEnv) -> None:
    run = await start_run(env)
    delivery = (await copy(env, run)).id
    await asyncio.gather(*(env.relay.deliver(delivery) for _ in range(10)))
    assert env.channel.calls == 1


async def test_the_first_receipt_starts_the_clock_and_the_second_does_not_move_it(env: EngineEnv) -> None:
    run = await start_run(env, TWO)
    first, second = await env.engine.deliveries(run=run)
    env.pass_time(minutes=5)
    await env.relay.deliver(first.id)
    request = (await env.request(run)).model
    assert request.deadlines.first_shown_at == env.clock.now()
    assert request.deadlines.expires_at == env.clock.now() + timedelta(hours=1)
    env.pass_time(minutes=5)
    await env.relay.deliver(second.id)
    after_second = (await env.request(run)).model
    assert after_second.deadlines == request.deadlines
    env.pass_time(minutes=55)
    assert isinstance(await env.decide(run), Expired)
    await env.settle()
    lines = [post.card.outcome.line[0] for post in env.channel.posted.values() if post.card.outcome is not None]
    assert {str(line)[:7] for line in lines} == {"Expired"}


async def test_a_request_that_closes_before_its_first_post_is_never_posted(env: EngineEnv) -> None:
    run = await start_run(env)
    assert isinstance(await env.decide(run, Verdict.REJECT), Decided)
    await env.settle()
    assert env.channel.calls == 0
    assert (await copy(env, run)).state is DeliveryState.SKIPPED


async def test_a_decision_while_a_post_is_under_way_leaves_no_live_buttons(env: EngineEnv) -> None:
    run = await start_run(env)
    gate = asyncio.Event()
    env.channel.queue_faults(Fault(gate=gate))
    posting = asyncio.ensure_future(env.deliver())
    await until(lambda: env.channel.calls == 1)
    assert isinstance(await env.decide(run), Decided)
    gate.set()
    await posting
    (posted,) = env.channel.of("lee@example.com")
    assert posted.card.actions, "the copy was loaded before the decision"
    await env.settle()
    assert posted.card.actions == ()
    assert "Approved" in str(posted.card.outcome)
    assert len(posted.cards) == 2
    request = (await env.request(run)).model
    assert request.deadlines.first_shown_at is None, "no deadline may start after the decision"


async def test_an_alert_is_posted_once(env: EngineEnv) -> None:
    run = await start_run(env, FAILING)
    await env.settle()
    env.pass_time(days=2)
    await env.settle()
    (alert,) = env.channel.of("sam@example.com")
    assert [card.kind for card in alert.cards] == [DeliveryKind.ALERT]
    assert (await copy(env, run)).state is DeliveryState.SHOWN


async def test_a_copy_is_loaded_without_the_outputs_of_steps(env: EngineEnv) -> None:
    await start_run(env)
    await env.settle()
    assert {content.run.steps for content in env.rendered} == {()}


# -- failures without effect --------------------------------------------------------------------------------


async def test_a_failed_post_is_repeated_at_growing_intervals(env: EngineEnv) -> None:
    run = await start_run(env)
    env.channel.queue_faults(*[Fault(error=REFUSED)] * 8)
    waits = []
    for _ in range(8):
        assert await env.deliver() == 1
        view = await copy(env, run)
        assert view.next_at is not None
        assert view.last_error == "The mailbox is busy."
        waits.append(view.next_at - env.clock.now())
        env.clock.pass_time(waits[-1] - timedelta(microseconds=1))
        assert await env.deliver() == 0, "the copy is not due yet"
        env.clock.pass_time(timedelta(microseconds=1))
    assert waits == [*retry.DELIVERY_WAITS, timedelta(hours=1)]
    assert await env.deliver() == 1
    view = await copy(env, run)
    assert (view.state, view.attempts, view.last_error) == (DeliveryState.SHOWN, 0, None)


async def test_a_failed_edit_is_repeated(env: EngineEnv) -> None:
    run = await start_run(env)
    await env.settle()
    await env.decide(run)
    env.channel.queue_faults(Fault(error=REFUSED), Fault(error=LOST))
    await env.settle()
    (posted,) = env.channel.of("lee@example.com")
    assert len(posted.cards) == 2
    env.pass_time(seconds=1)
    await env.settle()
    env.pass_time(seconds=5)
    await env.settle()
    assert "Approved" in str(posted.card.outcome)
    assert env.channel.find_calls == 0, "an edit finds its copy by its receipt"


@pytest.mark.parametrize(
    ("wish", "wait"),
    [
        (timedelta(seconds=47), timedelta(seconds=47)),
        (timedelta(milliseconds=1), timedelta(seconds=1)),
        (timedelta.max, retry.MAX_RETRY_AFTER),
    ],
)
async def test_the_waiting_time_of_the_vendor_is_obeyed_within_bounds(
    env: EngineEnv, wish: timedelta, wait: timedelta
) -> None:
    run = await start_run(env)
    env.channel.queue_faults(Fault(error=ChannelError("Too many.", retry_after=wish)))
    await env.deliver()
    assert (await copy(env, run)).next_at == env.clock.now() + wait


async def test_an_address_that_refuses_permanently_is_given_up_and_logged(env: EngineEnv) -> None:
    run = await start_run(env)
    env.channel.queue_faults(Fault(error=DEAD))
    await env.settle()
    alert, view = sorted(await env.engine.deliveries(run=run), key=lambda delivery: delivery.kind)
    assert (view.state, view.next_at, view.last_error) == (DeliveryState.DEAD, None, "There is no such mailbox.")
    assert (alert.kind, alert.topic, alert.state) == (DeliveryKind.ALERT, "unreachable", DeliveryState.SHOWN)
    dead = [entry for entry in await env.engine.story(run) if entry.kind == "delivery.dead"]
    assert [dict(entry.content or {})["error"] for entry in dead] == ["There is no such mailbox."]
    env.pass_time(minutes=14)
    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    assert env.channel.calls == 3, "a dead copy is not updated, but the alert of the owner is"


async def test_a_channel_that_is_not_set_up_is_logged_and_waited_for(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", reached_by="pigeons") as env:
        run = await start_run(env)
        await env.deliver()
        view = await copy(env, run)
        assert view.last_error == "Pigeons is not set up on this server."
        assert view.state is DeliveryState.DUE
        await env.decide(run)
        await env.settle()
        assert (await copy(env, run)).state is DeliveryState.SKIPPED


# -- failures of unknown outcome ----------------------------------------------------------------------------


async def test_a_post_of_unknown_outcome_that_landed_is_adopted(env: EngineEnv) -> None:
    run = await start_run(env)
    env.channel.queue_faults(Fault(error=LOST, landed=True))
    await env.deliver()
    assert (await copy(env, run)).next_at == env.clock.now() + retry.UNKNOWN_OUTCOME_WAIT
    env.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
    await env.settle()
    assert len(env.channel.of("lee@example.com")) == 1
    assert (await copy(env, run)).state is DeliveryState.SHOWN
    await env.decide(run)
    await env.settle()
    assert "Approved" in str(env.channel.of("lee@example.com")[0].card.outcome)


async def test_a_post_of_unknown_outcome_that_did_not_land_is_posted_again(env: EngineEnv) -> None:
    run = await start_run(env)
    env.channel.queue_faults(Fault(error=LOST))
    await env.deliver()
    env.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
    await env.settle()
    assert (env.channel.find_calls, len(env.channel.of("lee@example.com"))) == (1, 1)
    assert (await copy(env, run)).state is DeliveryState.SHOWN


async def test_while_copies_cannot_be_looked_for_nothing_is_posted_again(env: EngineEnv) -> None:
    await start_run(env)
    env.channel.queue_faults(Fault(error=LOST, landed=True))
    env.channel.queue_find_errors(REFUSED, REFUSED)
    for _ in range(4):
        await env.deliver()
        env.pass_time(minutes=1)
    assert len(env.channel.of("lee@example.com")) == 1
    assert env.channel.find_calls == 3


@pytest.mark.parametrize("landed", [True, False])
async def test_a_request_that_closes_after_a_post_of_unknown_outcome_leaves_no_live_buttons(
    env: EngineEnv, landed: bool
) -> None:
    run = await start_run(env)
    env.channel.queue_faults(Fault(error=LOST, landed=landed))
    await env.deliver()
    await env.decide(run, Verdict.REJECT)
    await env.settle()
    posted = env.channel.of("lee@example.com")
    assert len(posted) == int(landed), "a post that did not arrive is not repeated after the end"
    assert all("Rejected" in str(post.card.outcome) for post in posted)
    assert (await copy(env, run)).state is (DeliveryState.SHOWN if landed else DeliveryState.SKIPPED)


@pytest.mark.parametrize("landed", [True, False])
async def test_a_copy_that_its_process_cuts_off_when_it_stops_is_handed_over_at_once(
    env: EngineEnv, landed: bool
) -> None:
    run = await start_run(env)
    env.channel.queue_faults(Fault(error=asyncio.CancelledError(), landed=landed))
    with pytest.raises(asyncio.CancelledError):
        await env.deliver()
    await env.settle()
    assert len(env.channel.of("lee@example.com")) == 1
    assert env.channel.find_calls == 1
    assert (await copy(env, run)).state is DeliveryState.SHOWN


@pytest.mark.parametrize("landed", [True, False])
async def test_after_a_crash_between_the_post_and_its_record_one_copy_is_found_or_posted(
    tmp_path: Path, landed: bool
) -> None:
    gate = asyncio.Event()
    async with open_engine(tmp_path / "signoff.db") as before:
        run = await start_run(before)
        before.channel.queue_faults(Fault(error=asyncio.CancelledError(), landed=landed, gate=gate))
        delivering = asyncio.ensure_future(before.deliver())
        await until(lambda: before.channel.calls == 1)
    # The post is cut off with its process, which cannot write any more. Only the channel knows whether it arrived.
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    async with open_engine(tmp_path / "signoff.db", clock=before.clock, channel=before.channel) as after:
        await after.settle()
        assert after.channel.calls == 1, "its lease still runs"
        after.clock.pass_time(LEASE)
        await after.settle()
        assert len(after.channel.of("lee@example.com")) == 1
        assert after.channel.find_calls == 1
        assert (await copy(after, run)).state is DeliveryState.SHOWN
        assert (await after.request(run)).model.deadlines.first_shown_at == after.clock.now()


async def test_a_relay_that_was_taken_over_records_nothing(env: EngineEnv, tmp_path: Path) -> None:
    run = await start_run(env)
    delivery, gate = (await copy(env, run)).id, asyncio.Event()
    env.channel.queue_faults(Fault(gate=gate, error=DEAD))
    slow = asyncio.ensure_future(env.relay.deliver(delivery))
    await until(lambda: env.channel.calls == 1)
    env.clock.pass_time(LEASE)
    channels, directory = {"other": env.channel}, env.advancer.directory
    second_relay = outbox.Relay(
        env.store, channels=channels, directory=directory, render=lambda copy: pytest.fail("rendered")
    )
    await second_relay.deliver(delivery)
    gate.set()
    await slow
    view = await copy(env, run)
    assert (view.state, view.last_error) == (DeliveryState.DUE, "Recording is not set up on this server.")


async def test_a_relay_that_comes_back_after_its_lease_leaves_no_live_buttons(env: EngineEnv) -> None:
    run = await start_run(env)
    await env.settle()
    delivery, gate = (await copy(env, run)).id, asyncio.Event()
    await env.store.transact(lambda tx: deliveries.mark_to_show_again(tx, delivery))
    env.channel.queue_faults(Fault(gate=gate))
    slow = asyncio.ensure_future(env.relay.deliver(delivery))
    await until(lambda: env.channel.calls == 3)
    env.clock.pass_time(LEASE)
    assert isinstance(await env.decide(run), Decided)
    same_place = RecordingChannel()
    same_place.posted = env.channel.posted
    channels, directory = {"recording": same_place}, env.advancer.directory
    await outbox.Relay(env.store, channels=channels, directory=directory, render=card.card).deliver(delivery)
    (posted,) = env.channel.of("lee@example.com")
    assert posted.card.actions == ()
    gate.set()
    await slow
    assert posted.card.actions, "the late post hides the outcome"
    await env.settle()
    assert posted.card.actions == ()
    assert "Approved" in str(posted.card.outcome)


async def test_a_channel_that_hangs_is_cut_off_and_its_copy_looked_for(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", show_seconds=0.01) as env:
        run = await start_run(env)
        env.channel.queue_faults(Fault(gate=asyncio.Event()))
        await env.deliver()
        assert "did not answer within 0.01 seconds" in str((await copy(env, run)).last_error)
        env.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
        await env.settle()
        assert env.channel.find_calls == 1
        assert (await copy(env, run)).state is DeliveryState.SHOWN


@pytest.mark.parametrize("error", [UnexpectedError("oh"), KeyError("oh"), TimeoutError(), BrokenPipeError()])
@pytest.mark.parametrize("landed", [True, False])
async def test_a_channel_with_a_bug_neither_loses_the_copy_nor_posts_it_twice_nor_spins(
    env: EngineEnv, error: Exception, landed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run = await start_run(env)
    env.channel.queue_faults(Fault(error=error, landed=landed))
    with caplog.at_level(logging.ERROR):
        await env.deliver()
    view = await copy(env, run)
    assert view.last_error == "Recording failed unexpectedly. The log of the server says why."
    assert [record.exc_info is not None and view.id in record.getMessage() for record in caplog.records] == [True]
    assert await env.deliver() == 0
    env.clock.pass_time(retry.UNKNOWN_OUTCOME_WAIT)
    await env.settle()
    assert len(env.channel.of("lee@example.com")) == 1
    assert (await copy(env, run)).state is DeliveryState.SHOWN


async def test_a_receipt_that_cannot_be_recorded_is_kept_until_it_can_and_nothing_is_posted_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_engine(tmp_path / "signoff.db", busy_seconds=0.01) as env:
        run = await start_run(env)
        gate = asyncio.Event()
        env.channel.queue_faults(Fault(gate=gate))
        posting = asyncio.ensure_future(env.deliver())
        await until(lambda: env.channel.calls == 1)
        delivery = (await copy(env, run)).id
        other_connection = sqlite3.connect(env.path, isolation_level=None)
        other_connection.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.ERROR):
            gate.set()
            await until(lambda: bool(caplog.records))
        assert "locked by another program" in caplog.records[0].getMessage()
        env.clock.pass_time(2 * LEASE)
        await env.relay.deliver(delivery)
        other_connection.execute("ROLLBACK")
        other_connection.close()
        await posting
        assert (env.channel.calls, env.channel.find_calls) == (1, 0)
        assert (await copy(env, run)).state is DeliveryState.SHOWN


# -- the table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 5), (3, 30), (4, 120), (5, 600), (6, 1800), (7, 3600), (1000, 3600)]
)
def test_the_waits_after_failures(attempts: int, seconds: int) -> None:
    assert retry.waits(retry.DELIVERY_WAITS, attempts) == timedelta(seconds=seconds)


async def test_many_copies_of_one_request_all_follow_its_end(env: EngineEnv) -> None:
    others = [f"p{number}@example.com" for number in range(50)]
    run = await start_run(env, GATED.replace("[lee@example.com]", json.dumps(["lee@example.com", *others])))
    await env.settle()
    await env.decide(run)
    await env.settle()
    assert len(env.channel.posted) == 51
    assert all("Approved" in str(post.card.outcome) for post in env.channel.posted.values())
    assert (await env.request(run)).model.state is RequestState.APPROVED


async def test_a_copy_cut_off_by_a_crash_is_delivered_at_once_by_the_next_process(tmp_path: Path) -> None:
    path, channel = tmp_path / "signoff.db", RecordingChannel()
    async with open_engine(path, channel=channel) as before:
        await before.register(GATED)
        run = await before.start()
        leased = await copy(before, run)
        await before.store.transact(lambda tx: delivery_leases.claim_delivery(tx, leased.id))
        assert await before.deliver() == 0
    async with open_engine(path, channel=channel) as after:
        await after.store.transact(delivery_leases.release_deliveries)
        assert await after.deliver() == 1
        assert channel.find_calls == 1, "it may have been posted"


class Slow(RecordingChannel):
    show_seconds: ClassVar[float] = 300.0


async def test_a_slow_channel_is_paused_for_longer(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", channel=Slow()) as env:
        await env.register(GATED)
        run = await env.start()
        gate = asyncio.Event()
        env.channel.queue_faults(Fault(gate=gate))
        showing = asyncio.ensure_future(env.relay.deliver((await copy(env, run)).id))
        await until(lambda: env.channel.calls == 1)
        env.pass_time(seconds=309)
        assert await env.deliver() == 0
        gate.set()
        await showing
        assert (await copy(env, run)).state is DeliveryState.SHOWN


async def test_a_slow_channel_leaves_slots_to_the_others_and_continues_with_its_own_copies(tmp_path: Path) -> None:
    many = GATED.replace("[lee@example.com]", "[" + ", ".join(f"p{n}@example.com" for n in range(40)) + "]")
    async with open_engine(tmp_path / "signoff.db", channel=Slow()) as env:
        await env.register(many)
        run = await env.start()
        gate = asyncio.Event()
        env.channel.queue_faults(*[Fault(gate=gate)] * 40)
        due = [delivery.id for delivery in await env.engine.deliveries(run=run)]
        tasks = [asyncio.ensure_future(env.relay.deliver(delivery)) for delivery in due]
        await until(
            lambda: env.channel.calls == SLOW_AT_ONCE and sum(task.done() for task in tasks) == 40 - SLOW_AT_ONCE
        )
        assert await env.deliver() == 40 - SLOW_AT_ONCE, "they are still due, and none of them has started"
        assert env.channel.calls == SLOW_AT_ONCE
        gate.set()
        await asyncio.gather(*tasks)
        assert {delivery.state for delivery in await env.engine.deliveries(run=run)} == {DeliveryState.SHOWN}


class Crowded(RecordingChannel):
    """Posts only what has its turn."""

    has_turn = False

    async def check_turn(self, *, address: str, delivery: str) -> None:
        if not self.has_turn:
            raise ChannelError("Too much is being sent.", retry_after=timedelta(seconds=40), postponed=True)


async def test_a_first_copy_whose_turn_is_far_away_is_postponed_before_its_card_is_made(tmp_path: Path) -> None:
    channel = Crowded()
    async with open_engine(tmp_path / "signoff.db", channel=channel) as env:
        await env.register(GATED)
        run = await env.start()
        await env.deliver()
        waiting = await copy(env, run)
        assert (channel.calls, waiting.attempts, waiting.last_error) == (0, 0, None)
        assert waiting.next_at is not None
        channel.has_turn = True
        env.pass_time(seconds=41)
        assert await env.deliver() == 1
        assert (await copy(env, run)).state is DeliveryState.SHOWN
