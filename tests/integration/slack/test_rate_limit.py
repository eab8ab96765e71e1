"""Turns for calls, on a clock that a sleep moves on; and the client on a local Slack that counts."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from bot.devtools.sandbox import sandbox
from bot.slack.client import SlackError, open_client
from bot.slack.errors import FailureClass
from bot.slack.rate_limit import LONGEST_WAIT, RateLimiter, retry_after
from engine.errors import ChannelError


class Moving:
    """A clock that stands still but for sleeps."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class SteppedClock:
    """A clock for several tasks: it moves on to the next end of a sleep when all of them sleep."""

    def __init__(self) -> None:
        self.at = 100.0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        end = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.at + seconds, next(self._count), end))
        await end

    async def run(self, *work: Coroutine[Any, Any, None]) -> None:
        """Run everything to its end."""
        running = asyncio.gather(*work)
        while not running.done():
            await asyncio.sleep(0)
            if self._sleeping:
                self.at, _, end = heapq.heappop(self._sleeping)
                end.set_result(None)
                await asyncio.sleep(0)
        await running


@pytest.fixture
def clock() -> Moving:
    return Moving()


def pace(clock: Moving, *, multiplier: float = 1.0, burst: int | None = None) -> RateLimiter:
    return RateLimiter(multiplier=multiplier, burst=burst, now=clock.now, sleep=clock.sleep)


async def test_calls_come_evenly_where_no_burst_is_allowed(clock: Moving) -> None:
    turns, at = pace(clock, multiplier=10, burst=1), []
    for _ in range(60):
        await turns.turn("chat.update")
        at.append(clock.at)
    least = 59 * 60 / 500
    assert least <= at[-1] - at[0] <= least * 1.05


async def test_a_minutes_worth_may_come_at_once_after_a_rest(clock: Moving) -> None:
    turns = pace(clock)
    for _ in range(50):
        await turns.turn("chat.update")
    assert clock.at == 100.0
    await turns.turn("chat.update")
    assert clock.at > 101.0


async def test_posts_to_one_conversation_are_counted_apart(clock: Moving) -> None:
    turns = pace(clock)
    for number in range(10):
        await turns.turn("chat.postMessage", channel=f"D{number}")
    assert clock.at == 100.0
    for _ in range(4):
        await turns.turn("chat.postMessage", channel="D1")
    assert clock.at >= 101.0


async def test_who_would_wait_too_long_comes_back_for_a_turn_that_is_kept(clock: Moving) -> None:
    turns = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep)
    turns.stop("chat.update", 60)
    waits = []
    for number in range(3):
        with pytest.raises(ChannelError) as caught:
            await turns.turn("chat.update", key=f"d{number}")
        assert caught.value.retry_after is not None
        waits.append(caught.value.retry_after.total_seconds())
    assert waits == sorted(waits)
    assert waits[0] > LONGEST_WAIT
    clock.at += waits[0]
    await turns.turn("chat.update", key="d0")
    assert clock.at == pytest.approx(160)
    await turns.turn("chat.update", key="d1")
    assert clock.at == pytest.approx(161.2, abs=0.1)


async def test_who_gives_up_waiting_finds_the_turn_kept(clock: Moving) -> None:
    """Whoever asks in a hurry, again and again, must not push everybody's turns away."""
    patient = False

    async def sleep(seconds: float) -> None:
        if seconds and not patient:
            await asyncio.Event().wait()
        clock.at += seconds

    turns = RateLimiter(burst=1, now=clock.now, sleep=sleep)
    for _ in range(20):
        waiting = [asyncio.ensure_future(turns.turn("users.info", key=str(number))) for number in range(5)]
        await asyncio.sleep(0.01)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    patient, began = True, clock.at
    for number in range(1, 5):
        await turns.turn("users.info", key=str(number))
    assert clock.at - began == pytest.approx(4 * 0.606, abs=0.61), "as if nobody had given up"


async def test_calls_that_are_overdue_are_not_made_at_once() -> None:
    """Ten are ready together, and what they do before they leave holds up the first: the others keep their distance."""
    turns, left = RateLimiter(multiplier=10, burst=1), list[float]()
    loop = asyncio.get_running_loop()

    async def call() -> None:
        await turns.turn("chat.postMessage")
        left.append(loop.time())

    async def stall() -> None:
        time.sleep(0.1)  # noqa: ASYNC251 as a machine does that has something else to do

    await asyncio.gather(*(call() for _ in range(5)), stall(), *(call() for _ in range(5)))
    interval = 60 / 3000
    assert left[-1] - left[0] > 9 * interval - 0.01


async def test_a_refusal_stops_those_too_who_wait_for_a_turn_that_they_have(clock: Moving) -> None:
    turns, refused = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep), list[ChannelError]()
    await turns.turn("chat.update")

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if seconds and not refused:
            turns.stop("chat.update", 30)
            refused.append(ChannelError("Slack said no to another"))

    turns._sleep = sleep  # noqa: SLF001
    with pytest.raises(ChannelError) as caught:
        await turns.turn("chat.update", key="d1")
    assert caught.value.retry_after is not None
    assert 25 < caught.value.retry_after.total_seconds() < 30
    clock.at += caught.value.retry_after.total_seconds()
    await turns.turn("chat.update", key="d1")
    assert clock.at == pytest.approx(131.2, abs=0.1)


def test_a_wish_of_slack_is_read_and_bounded() -> None:
    assert retry_after("30") == timedelta(seconds=30)
    assert retry_after("99999999999") == timedelta(hours=1)
    assert retry_after(None) == retry_after("soon") == timedelta(seconds=30)


async def test_a_short_refusal_is_waited_for_and_the_call_made_again() -> None:
    async with sandbox() as slack, open_client(token=slack.app.bot_token, api_url=slack.api_url) as client:
        slack.fault("users.info", "ratelimited", seconds=1)
        assert (await client.get("users.info", user=slack.person("ada").id))["ok"]
        slack.fault("users.info", "ratelimited", seconds=50)
        with pytest.raises(SlackError) as caught:
            await client.get("users.info", user=slack.person("ada").id)
        assert caught.value.kind is FailureClass.WAIT
        assert caught.value.retry_after == timedelta(seconds=50)


@pytest.mark.parametrize(
    ("kind", "details", "unknown"),
    [
        ("reset", {}, True),
        ("lost", {}, True),
        ("status", {"status": 503}, True),
        ("status", {"status": 404}, False),
        ("error", {"code": "fatal_error"}, True),
        ("error", {"code": "something_new"}, False),
    ],
)
async def test_every_failure_says_whether_it_may_have_happened(
    kind: str, details: dict[str, int], unknown: bool
) -> None:
    async with sandbox() as slack, open_client(token=slack.app.bot_token, api_url=slack.api_url) as client:
        slack.fault("chat.postMessage", kind, **details)  # type: ignore[arg-type]
        with pytest.raises(ChannelError) as caught:
            await client.post("chat.postMessage", channel=slack.person("ada").id, text="hello")
        assert caught.value.outcome_unknown is unknown


async def test_where_nobody_listens_nothing_has_happened() -> None:
    async with open_client(token="xoxb-1", api_url="http://127.0.0.1:9/api/") as client:
        with pytest.raises(ChannelError, match="Slack cannot be reached") as caught:
            await client.post("chat.postMessage", channel="C1", text="hello")
        assert not caught.value.outcome_unknown
        assert not await client.respond("http://127.0.0.1:9/", {})


async def test_our_token_goes_to_slack_only() -> None:
    async with open_client(token="xoxb-1") as client:
        for url in ("http://files.slack.com/x", "https://files.slack.com.example/x", "https://example.com/x", "x"):
            with pytest.raises(ChannelError, match="not on Slack"):
                await client.download(url, most=10)


async def test_copies_are_updated_although_the_limits_allow_no_burst() -> None:
    """The bench in small: twenty, at ten times Slack's rates. How long it takes is for the bench to measure."""
    limits = RateLimiter(multiplier=10, burst=1)
    async with (
        sandbox() as slack,
        open_client(token=slack.app.bot_token, api_url=slack.api_url, pace=limits) as client,
    ):
        slack.rates.configure(multiplier=10, burst=1)
        answer = await client.post("chat.postMessage", channel=slack.person("ada").id, text="hello")
        await asyncio.gather(
            *(
                client.post("chat.update", channel=answer["channel"], ts=answer["ts"], text=f"hello {number}")
                for number in range(20)
            )
        )
        updated = [one for one in slack.slack.calls if one.method == "chat.update" and one.outcome == "ok"]
        assert len(updated) == 20


async def test_many_callers_share_out_the_turns_and_none_waits_longer_than_allowed() -> None:
    """A hundred copies after a refusal: each leaves at its turn, after at most one visit before it."""
    clock, visits, waits = SteppedClock(), list[str](), list[float]()
    limiter = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep)
    limiter.stop("chat.update", 30)

    async def deliver(key: str) -> None:
        while True:
            visits.append(key)
            came = clock.at
            try:
                await limiter.turn("chat.update", key=key)
            except ChannelError as error:
                await clock.sleep((error.retry_after or timedelta()).total_seconds())
            else:
                waits.append(clock.at - came)
                return

    await clock.run(*(deliver(f"d{number}") for number in range(100)))
    assert len(waits) == 100
    assert max(waits) <= LONGEST_WAIT
    assert len(visits) == 200
    assert clock.at - 100 == pytest.approx(30 + 100 * 60 / 50, rel=0.02)
