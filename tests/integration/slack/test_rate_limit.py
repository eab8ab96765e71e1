"""The rate limiter on a clock that sleeps move forward, and the client on a local Slack that counts calls."""

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


class SleepClock:
    """A clock that moves only by sleeps."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class SteppedClock:
    """A clock for several tasks: when all of them sleep, it moves to the end of the shortest sleep."""

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
        """Run the coroutines until all of them have ended."""
        running = asyncio.gather(*work)
        while not running.done():
            await asyncio.sleep(0)
            if self._sleeping:
                self.at, _, end = heapq.heappop(self._sleeping)
                end.set_result(None)
                await asyncio.sleep(0)
        await running


@pytest.fixture
def clock() -> SleepClock:
    return SleepClock()


def limiter_on(clock: SleepClock, *, multiplier: float = 1.0, burst: int | None = None) -> RateLimiter:
    return RateLimiter(multiplier=multiplier, burst=burst, now=clock.now, sleep=clock.sleep)


async def test_calls_come_evenly_where_no_burst_is_allowed(clock: SleepClock) -> None:
    turns, times = limiter_on(clock, multiplier=10, burst=1), []
    for _ in range(60):
        await turns.turn("chat.update")
        times.append(clock.at)
    least = 59 * 60 / 500
    assert least <= times[-1] - times[0] <= least * 1.05


async def test_the_calls_of_a_minute_may_come_at_once_after_a_pause(clock: SleepClock) -> None:
    turns = limiter_on(clock)
    for _ in range(50):
        await turns.turn("chat.update")
    assert clock.at == 100.0
    await turns.turn("chat.update")
    assert clock.at > 101.0


async def test_posts_to_one_conversation_are_counted_apart(clock: SleepClock) -> None:
    turns = limiter_on(clock)
    for number in range(10):
        await turns.turn("chat.postMessage", channel=f"D{number}")
    assert clock.at == 100.0
    for _ in range(4):
        await turns.turn("chat.postMessage", channel="D1")
    assert clock.at >= 101.0


async def test_a_caller_that_would_wait_too_long_keeps_its_turn_for_later(clock: SleepClock) -> None:
    turns = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep)
    await turns.stop("chat.update", 60)
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


async def test_looking_at_a_turn_takes_none_from_others_and_tells_who_has_to_come_back(clock: SleepClock) -> None:
    turns, post = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep), "chat.postMessage"
    callers = int(LONGEST_WAIT) + 3
    for number in range(callers):
        looking = turns.check_turn(post, channel="D1", key=f"d{number}")
        if number * 1.01 <= LONGEST_WAIT:
            await looking
            continue
        with pytest.raises(ChannelError) as caught:
            await looking
        assert caught.value.postponed
    left = []
    for number in range(3):
        # Who looked at its turn gets that one, and none behind it.
        await turns.turn(post, channel="D1", key=f"d{number}")
        left.append(clock.at)
    assert left == pytest.approx([100, 101.01, 102.02], abs=0.1)


async def test_urgent_calls_leave_before_those_that_wait_and_the_rate_holds() -> None:
    clock, left = SteppedClock(), list[tuple[float, str]]()
    turns = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep)

    async def call(name: str, *, after: float = 0.0, urgent: bool = False) -> None:
        await clock.sleep(after)
        await turns.turn("chat.update", key=name, urgent=urgent)
        left.append((clock.at, name))

    await clock.run(
        *(call(f"progress {number}") for number in range(7)),
        *(call(f"closing {number}", after=3.0, urgent=True) for number in range(3)),
    )
    names = [name for _, name in left]
    closing = [names.index(f"closing {number}") for number in range(3)]
    assert closing == [closing[0], closing[0] + 1, closing[0] + 2]
    assert closing[0] <= 4, "those that had left before, and one that was on its way"
    assert [name for name in names if "progress" in name] == [f"progress {number}" for number in range(7)]
    assert min(b - a for (a, _), (b, _) in itertools.pairwise(left)) >= 1.2


async def test_a_caller_that_gives_up_waiting_keeps_its_turn(clock: SleepClock) -> None:
    """A caller that asks again and again must not delay the turns of all others."""
    patient = False

    async def sleep(seconds: float) -> None:
        if seconds and not patient:
            await asyncio.Event().wait()
        clock.at += seconds

    turns = RateLimiter(burst=1, now=clock.now, sleep=sleep)
    for _ in range(20):
        waiting = [asyncio.ensure_future(turns.turn("users.info", key=str(number))) for number in range(5)]
        await asyncio.sleep(0.01)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    patient, start = True, clock.at
    for number in range(1, 5):
        await turns.turn("users.info", key=str(number))
    assert clock.at - start == pytest.approx(4 * 0.606, abs=0.61), "as if no caller had given up"


@pytest.mark.parametrize("stall", [0.0, 0.3])
async def test_a_call_is_prepared_right_before_a_turn_that_it_waited_for(clock: SleepClock, stall: float) -> None:
    """It is prepared once, also if the machine stalls until after the turn."""
    prepared = list[float]()

    async def prepare() -> None:
        prepared.append(clock.at)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds + stall if seconds else 0)

    turns = RateLimiter(burst=1, now=clock.now, sleep=sleep)
    await turns.turn("chat.update", prepare=prepare)
    assert prepared == []
    await turns.turn("chat.update", prepare=prepare)
    (at,) = prepared
    assert at == pytest.approx(101.2 - 0.1 + stall, abs=0.02)
    assert clock.at == pytest.approx(101.2 + max(0, stall - 0.1), abs=0.02)


async def test_a_call_that_is_prepared_late_keeps_its_distance_to_the_others() -> None:
    turns, times, loop = RateLimiter(multiplier=10, burst=1), list[float](), asyncio.get_running_loop()

    async def call(seconds: float) -> None:
        await turns.turn("chat.update", prepare=lambda: asyncio.sleep(seconds))
        times.append(loop.time())

    await asyncio.gather(*(call(seconds) for seconds in (0, 0.25, 0, 0.3, 0, 0)))
    assert min(after - before for before, after in itertools.pairwise(times)) > 60 / 500 - 0.01


async def test_calls_that_are_overdue_are_not_made_at_once() -> None:
    """Ten calls are ready together, and work before the call delays the first. The others keep their distance."""
    turns, times = RateLimiter(multiplier=10, burst=1), list[float]()
    loop = asyncio.get_running_loop()

    async def call() -> None:
        await turns.turn("chat.postMessage")
        times.append(loop.time())

    async def stall() -> None:
        time.sleep(0.1)  # noqa: ASYNC251 as a machine does that has something else to do

    await asyncio.gather(*(call() for _ in range(5)), stall(), *(call() for _ in range(5)))
    interval = 60 / 3000
    assert times[-1] - times[0] > 9 * interval - 0.01


async def test_a_refusal_also_stops_callers_that_wait_for_their_turn(clock: SleepClock) -> None:
    turns, errors = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep), list[ChannelError]()
    await turns.turn("chat.update")

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if seconds and not errors:
            await turns.stop("chat.update", 30)
            errors.append(ChannelError("Slack said no to another"))

    turns._sleep = sleep  # noqa: SLF001

    with pytest.raises(ChannelError) as caught:
        await turns.turn("chat.update", key="d1")
    assert caught.value.retry_after is not None
    assert 25 < caught.value.retry_after.total_seconds() < 30
    clock.at += caught.value.retry_after.total_seconds()
    await turns.turn("chat.update", key="d1")
    assert clock.at == pytest.approx(131.2, abs=0.1)


def test_the_retry_after_header_is_read_and_bounded() -> None:
    assert retry_after("30") == timedelta(seconds=30)
    assert retry_after("99999999999") == timedelta(hours=1)
    assert retry_after(None) == retry_after("soon") == timedelta(seconds=30)


async def test_after_a_short_refusal_the_call_is_repeated() -> None:
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


async def test_a_refused_connection_means_that_nothing_happened() -> None:
    async with open_client(token="xoxb-1", api_url="http://127.0.0.1:9/api/") as client:
        with pytest.raises(ChannelError, match="Slack cannot be reached") as caught:
            await client.post("chat.postMessage", channel="C1", text="hello")
        assert not caught.value.outcome_unknown
        assert not await client.respond("http://127.0.0.1:9/", {})


async def test_the_token_is_sent_to_slack_only() -> None:
    async with open_client(token="xoxb-1") as client:
        for url in ("http://files.slack.com/x", "https://files.slack.com.example/x", "https://example.com/x", "x"):
            with pytest.raises(ChannelError, match="not on Slack"):
                await client.download(url, most=10)


async def test_copies_are_updated_although_the_limits_allow_no_burst() -> None:
    """A small version of the benchmark: twenty copies at ten times the rates. Only the benchmark measures the time."""
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
        updated = [call for call in slack.slack.calls if call.method == "chat.update" and call.outcome == "ok"]
        assert len(updated) == 20


async def test_many_callers_share_the_turns_and_none_waits_longer_than_allowed() -> None:
    """A hundred copies after a refusal: each is sent at its turn, after at most one earlier attempt."""
    clock, visits, waits = SteppedClock(), list[str](), list[float]()
    limiter = RateLimiter(burst=1, now=clock.now, sleep=clock.sleep)
    await limiter.stop("chat.update", 30)

    async def deliver(key: str) -> None:
        while True:
            visits.append(key)
            start = clock.at
            try:
                await limiter.turn("chat.update", key=key)
            except ChannelError as error:
                await clock.sleep((error.retry_after or timedelta()).total_seconds())
            else:
                waits.append(clock.at - start)
                return

    await clock.run(*(deliver(f"d{number}") for number in range(100)))
    assert len(waits) == 100
    assert max(waits) <= LONGEST_WAIT
    assert len(visits) == 200
    assert clock.at - 100 == pytest.approx(30 + 100 * 60 / 50, rel=0.02)
