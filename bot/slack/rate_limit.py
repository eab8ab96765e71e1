"""Limits how fast each method is called, so that Slack rarely refuses a call.

Slack counts the calls of a method by workspace and app, and posts by conversation as well. A refusal (429) stops the
method for the whole workspace. https://docs.slack.dev/apis/web-api/rate-limits

Each count is a token bucket that hands out turns in advance. A plain bucket is shorter, but after a refusal it lets
every caller wait at the same time, far longer than a delivery may take: each must learn when to come back. Slack counts
the calls of all processes together, so the turns come from a `Pace` that they share.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from engine import retry
from engine.errors import ChannelError
from engine.pace import LocalPace, Pace, PaceNews, Rate

POST: Final = "chat.postMessage"
PER_MINUTE: Final = {
    POST: 300,
    "chat.update": 50,
    "chat.postEphemeral": 100,
    "conversations.open": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "conversations.info": 50,
    "conversations.join": 50,
    "conversations.list": 20,
    "files.info": 100,
    "users.lookupByEmail": 50,
    "users.conversations": 50,
    "users.info": 100,
    "users.list": 20,
    "usergroups.list": 20,
    "usergroups.users.list": 20,
    "views.open": 100,
    "views.push": 100,
    "views.update": 100,
    "views.publish": 100,
    "auth.test": 100,
    "bots.info": 50,
}
"""Calls per minute that Slack's tiers allow. For posts Slack publishes "several hundred per minute"."""
POSTS_PER_SECOND: Final = 1.0
"""Maximum rate of posts to one conversation."""
POST_BURST: Final = 3
"""Maximum number of posts to one conversation at once, after a rest."""
LONGEST_WAIT: Final = 10.0
"""Maximum time that a call waits for its turn, in seconds. A caller that would wait longer comes back for its turn."""
_EARLY: Final = 1.5
"""How long before its turn a caller is asked to come back, in seconds."""
_LATE: Final = 0.005
"""How late a call may leave without making the next ones late too, in seconds: timers are not exact. If the machine
stalls for longer, that time is lost, because overdue calls must not leave all at once."""
_NEAR: Final = 0.1
"""How long before its turn a caller prepares its call, in seconds: reading and rendering a copy takes less."""
_NEWS: Final = 1.0
"""After a longer wait a caller asks whether the rate rests now, in seconds: Slack may have refused another process."""
_NOW: Final = 0.0005
"""Waits up to this many seconds are not worth a sleep."""

Prepare: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Turn:
    """The turn of one call, at all of its rates. `put_off`: what `PaceNews` said of each when it was at this time."""

    at: float
    put_off: list[float]
    urgent: bool

    def note(self, news: Sequence[PaceNews]) -> None:
        """Be put off by urgent calls that came meanwhile."""
        now = [one.put_off for one in news]
        if not self.urgent:
            self.at += max(0.0, *(after - before for before, after in zip(self.put_off, now, strict=True)))
        # A process that paces alone for a moment knows of less.
        self.put_off = [max(both) for both in zip(self.put_off, now, strict=True)]


@dataclass(slots=True)
class _Departures:
    """The calls of this process at one rate. `left`: time of the next call, by the calls that have left.

    Turns are planned for calls that leave in time. A process that was late must not catch up at once.
    """

    rate: Rate
    left: float = -math.inf

    @property
    def free(self) -> float:
        """Return the time before which no call may leave."""
        return self.left - self.rate.head_start

    def leave(self, now: float) -> None:
        """Record that a call leaves now."""
        on_time = now - self.left < _LATE
        self.left = (self.left if on_time else now) + self.rate.interval

    def stop(self, until: float) -> None:
        """Let no call leave before `until`, also none that has a turn, and then one at a time."""
        self.left = max(self.left, until + self.rate.head_start)


class RateLimiter:
    """Lets each call wait for its turn.

    `multiplier`: of Slack's published rates. `burst`: calls at once; None allows the calls of a minute at once.
    `pace` hands out the turns; without one, this process keeps the rates by itself.
    """

    def __init__(
        self,
        *,
        multiplier: float = 1.0,
        burst: int | None = None,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], object] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._multiplier, self._burst = multiplier, burst
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep or asyncio.sleep
        self.shared_pace = pace
        """The pace of all processes; None if there is only this one."""
        self._pace = pace or LocalPace(self._now)
        self._departures: dict[str, _Departures] = {}

    def sharing(self, pace: Pace | None) -> RateLimiter:
        """Return a limiter of the same rates whose turns come from `pace`, or this one if there is none."""
        if pace is None:
            return self
        return RateLimiter(multiplier=self._multiplier, burst=self._burst, now=self._now, sleep=self._sleep, pace=pace)

    async def turn(
        self, method: str, *, channel: str = "", key: str = "", urgent: bool = False, prepare: Prepare | None = None
    ) -> None:
        """Wait until the method may be called. Raises `ChannelError` if that takes too long.

        `key`: a caller that comes back with the same key gets the turn that was kept for it. `prepare` is called right
        before a turn that the caller had to wait for. An `urgent` call goes before all that are not.
        """
        counted = [self._of(method)]
        if channel and method == POST:
            counted.append(self._of(method, channel))
        turn = await self._reserve(counted, key, urgent=urgent)
        try:
            # Other tasks that are ready run first. They would delay a call whose turn is now on its way out, and the
            # next call would come too close behind it.
            await self._wait(0)
            await self._wait_until(turn, counted, key, prepare)
        except asyncio.CancelledError:
            # A caller that gave up waiting comes back. Without its turn, callers with short timeouts would use up turns
            # and never leave.
            if key:
                await self._keep(counted, key, turn)
            raise
        for departures in counted:
            departures.leave(self._now())

    async def check_turn(self, method: str, *, channel: str, key: str) -> None:
        """Raise `ChannelError` if the turn for such a call is too far away, and keep the turn for the key in any case.

        Turns that processes share are not looked at twice: that would take another question to the database.
        """
        if self.shared_pace is not None:
            return
        counted = [self._of(method), self._of(method, channel)]
        turn = await self._reserve(counted, key, urgent=False)
        if turn.at - self._now() > LONGEST_WAIT:
            raise await self._too_long(counted, turn, key)
        await self._keep(counted, key, turn)

    async def _wait_until(self, turn: _Turn, counted: list[_Departures], key: str, prepare: Prepare | None) -> None:
        waited, is_prepared = False, prepare is None
        while (wait := max(turn.at, *(departures.free for departures in counted)) - self._now()) > _NOW or (
            # The machine stalled for longer than the time that was left for it. Others may leave meanwhile.
            waited and not is_prepared
        ):
            if wait > LONGEST_WAIT:
                raise await self._too_long(counted, turn, key)
            if prepare is not None and not is_prepared and wait <= _NEAR + _NOW:
                await prepare()
                is_prepared = True
            else:
                await self._wait(wait if is_prepared else wait - _NEAR)
            waited = True
            if wait > _NEWS:
                news = await self._pace.news(_rates(counted))
                self._obey(counted, [one.rest for one in news])
                turn.note(news)

    async def stop(self, method: str, seconds: float) -> None:
        """Stop all calls of the method for so many seconds, because Slack refused one."""
        departures = self._of(method)
        departures.stop(self._now() + seconds)
        await self._pace.rest(departures.rate, seconds)

    async def _reserve(self, counted: list[_Departures], key: str, *, urgent: bool) -> _Turn:
        """Return the turn that was kept for the key, or a new one."""
        turns = await self._pace.reserve(_rates(counted), key, urgent=urgent)
        self._obey(counted, [turn.rest for turn in turns])
        at = self._now() + max(turn.seconds for turn in turns)
        return _Turn(at, [turn.put_off for turn in turns], urgent)

    async def _keep(self, counted: list[_Departures], key: str, turn: _Turn) -> None:
        put_off = None if turn.urgent else turn.put_off
        await self._pace.keep(_rates(counted), key, turn.at - self._now(), put_off=put_off)

    def _obey(self, counted: list[_Departures], rests: Sequence[float]) -> None:
        """Stop what rests, also because of a refusal that another process got."""
        for departures, rest in zip(counted, rests, strict=True):
            if rest > 0:
                departures.stop(self._now() + rest)

    async def _too_long(self, counted: list[_Departures], turn: _Turn, key: str) -> ChannelError:
        if turn.at - self._now() <= LONGEST_WAIT:
            # Slack refused another call meanwhile, which voided this turn.
            turn = await self._reserve(counted, "", urgent=turn.urgent)
        wait = turn.at - self._now()
        if key:
            await self._keep(counted, key, turn)
        return ChannelError(
            "Too much is being sent to Slack at once; this has to wait.",
            retry_after=timedelta(seconds=wait - _EARLY),
            postponed=True,
        )

    async def _wait(self, seconds: float) -> None:
        waiting = self._sleep(seconds)
        if asyncio.iscoroutine(waiting):
            await waiting

    def _of(self, method: str, channel: str = "") -> _Departures:
        key = f"slack {method} {channel}".rstrip()
        if key not in self._departures:
            per_second = POSTS_PER_SECOND if channel else PER_MINUTE.get(method, 20) / 60
            most = POST_BURST if channel else PER_MINUTE.get(method, 20)
            burst = most if self._burst is None else self._burst
            self._departures[key] = _Departures(Rate(key, 1.01 / (per_second * self._multiplier), burst))
        return self._departures[key]


def _rates(counted: Sequence[_Departures]) -> list[Rate]:
    return [departures.rate for departures in counted]


def retry_after(header: str | None) -> timedelta:
    """Return the time that Slack asks for in `Retry-After`, at most an hour."""
    if header and header.strip().isdecimal():
        return min(timedelta(seconds=int(header.strip()[:9])), retry.SLACK_MAX_RETRY_AFTER)
    return retry.SLACK_RATE_LIMIT_WAIT
