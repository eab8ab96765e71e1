"""Publishes Home tabs again when what they show has changed.

The list of stale tabs is in memory. If it is lost, a tab stays as it was until its person opens it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from bot.slack.client import SlackError
from bot.slack.errors import FailureClass
from engine.errors import ChannelError, StoreError
from engine.pace import Pace, Rate
from engine.retry import SLACK_RATE_LIMIT_WAIT

_REMEMBERED: Final = 10_000
_NOW: Final = 0.05
"""A turn that is at most so many seconds away is taken at once."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeTiming:
    """How long changes are collected before a tab is published, in seconds."""

    first: float = 1.0
    """After a tab was left alone for a while: changes often come together."""
    again: float = 4.85
    """Soon after a tab was published. A person whose requests are decided one after the other sees each change within
    five seconds, and their tab is published at most 12 times a minute."""
    late: float = 10.0
    """For what may be late: what became of a request that the tab shows as decided already."""


class StaleHomes:
    """The tabs that are out of date, by the Slack id of their person, and when each is published."""

    def __init__(self, timing: HomeTiming | None = None, *, now: Callable[[], float] | None = None) -> None:
        self.timing, self._now = timing or HomeTiming(), now or (lambda: asyncio.get_running_loop().time())
        self._due: dict[str, float] = {}
        self._turns: dict[str, float] = {}
        """The time of the turn at the shared pace, by person: their tab is not published before it."""
        self._published: dict[str, float] = {}
        self._closed: dict[tuple[str, str], None] = {}
        self._marked = asyncio.Event()

    def mark(self, user: str, *, closed: str = "") -> None:
        """Mark this person's tab as stale. `closed`: the request that was closed; its later changes can be late."""
        is_news = not closed or (user, closed) not in self._closed
        if closed and is_news:
            _forget_if_many(self._closed)
            self._closed[user, closed] = None
        self.put_off(user, self._wait(user) if is_news else self.timing.late)

    def put_off(self, user: str, seconds: float) -> None:
        """Mark this person's tab as stale, to be published in so many seconds, or earlier if it is due before."""
        at = max(self._now() + seconds, self._turns.get(user, 0.0))
        self._due[user] = min(at, self._due.get(user, at))
        self._marked.set()

    def keep_turn(self, user: str, seconds: float) -> None:
        """Let this person's tab be published in so many seconds, when it has its turn, and not before."""
        self._due[user] = self._turns[user] = self._now() + seconds

    def has_turn(self, user: str) -> bool:
        """Return whether a turn was kept for this person's tab."""
        return user in self._turns

    def _wait(self, user: str) -> float:
        last = self._published.get(user)
        was_left_alone = last is None or self._now() - last >= self.timing.again
        return self.timing.first if was_left_alone else self.timing.again

    def published(self, user: str) -> None:
        """Record that this person's tab is published now. Changes from now on make it stale again."""
        self._due.pop(user, None)
        self._turns.pop(user, None)
        _forget_if_many(self._published)
        self._published[user] = self._now()

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def next(self) -> tuple[str, float] | None:
        """The tab that is due first, and in how many seconds."""
        user = min(self._due, key=self._due.__getitem__, default=None)
        return None if user is None else (user, self._due[user] - self._now())

    async def wait(self) -> str:
        """Wait until a tab is due, and return its person."""
        while True:
            self._marked.clear()
            following = self.next
            if following is not None and following[1] <= 0:
                return following[0]
            try:
                async with asyncio.timeout(None if following is None else following[1]):
                    await self._marked.wait()
            except TimeoutError:
                continue


def _forget_if_many(remembered: dict[Any, Any]) -> None:
    """Forget all if it is too much. Then some tabs are published once more than needed."""
    if len(remembered) >= _REMEMBERED:
        remembered.clear()


class TabLocks:
    """A lock for each person, so that two tasks that publish the same tab do so one after the other.

    Without it, older content could reach Slack last, and stay.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, user: str) -> asyncio.Lock:
        """Return the lock of this person's tab; it is kept for as long as it is used."""
        lock = self._locks.get(user)
        if lock is None:
            lock = self._locks[user] = asyncio.Lock()
        return lock


class HomePublisher:
    """Publishes stale tabs one after the other, so that they never stand in the way of copies.

    `pace`: shared with other processes, so that a tab that several of them know to be stale is not published by each.
    """

    def __init__(
        self, stale: StaleHomes, publish: Callable[[str], Awaitable[None]], *, pace: Pace | None = None
    ) -> None:
        self._stale, self._publish, self._pace = stale, publish, pace
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether every tab was published."""
        return not self._stale and not self._busy

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._busy = False
            user = await self._stale.wait()
            self._busy = True
            await self.publish_due(user)

    async def publish_due(self, user: str) -> None:
        """Publish the tab of this person, which is due, or keep its turn if other processes go before."""
        if await self._has_turn(user):
            self._stale.published(user)
            await self._publish_or_log(user)

    async def _has_turn(self, user: str) -> bool:
        """Return whether this tab may be published now. If not, its turn is kept.

        The process that has the turn before it shows the same: it reads what is true at its turn.
        """
        if self._pace is None or self._stale.has_turn(user):
            return True
        rate = Rate(f"slack home {user}", self._stale.timing.again, 1)
        (turn,) = await self._pace.reserve([rate], "")
        if turn.seconds <= _NOW:
            return True
        self._stale.keep_turn(user, turn.seconds)
        return False

    async def _publish_or_log(self, user: str) -> None:
        try:
            await self._publish(user)
        except SlackError as error:
            log.info("the Home tab of %s could not be published: %s", user, error)
            if error.kind is FailureClass.WAIT:
                self._stale.put_off(user, 0)
                await asyncio.sleep((error.retry_after or SLACK_RATE_LIMIT_WAIT).total_seconds())
        except (ChannelError, StoreError) as error:
            log.info("the Home tab of %s could not be published: %s", user, error)
            if isinstance(error, ChannelError) and error.postponed:
                self._stale.put_off(user, (error.retry_after or timedelta()).total_seconds())
