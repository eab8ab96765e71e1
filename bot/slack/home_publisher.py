"""Publishes Home tabs again when a person's messages change: the list of waiting requests changes with them.

The list of stale tabs is in memory. If it is lost, a tab stays as it was until its person opens it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakValueDictionary

from bot.slack.client import SlackError
from bot.slack.errors import FailureClass
from engine.errors import ChannelError, StoreError
from engine.retry import SLACK_RATE_LIMIT_WAIT

DEBOUNCE_SECONDS: Final = 2.0
"""How long changes are collected before the tabs are published, in seconds."""

log = logging.getLogger(__name__)


class StaleHomes:
    """The Slack ids of people whose Home tab is out of date."""

    def __init__(self) -> None:
        self._users: dict[str, None] = {}
        self._marked = asyncio.Event()

    def mark(self, user: str) -> None:
        """Mark this person's tab as stale."""
        self._users[user] = None
        self._marked.set()

    def __bool__(self) -> bool:
        return bool(self._users)

    async def wait(self) -> None:
        """Wait until a tab is stale."""
        await self._marked.wait()

    def take(self) -> list[str]:
        """Return all stale tabs, and clear the list."""
        users = list(self._users)
        self._users.clear()
        self._marked.clear()
        return users


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
    """Publishes stale tabs one after the other, so that they never stand in the way of copies."""

    def __init__(
        self,
        stale: StaleHomes,
        publish: Callable[[str], Awaitable[None]],
        *,
        debounce: float = DEBOUNCE_SECONDS,
    ) -> None:
        self._stale, self._publish, self._debounce = stale, publish, debounce
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether every tab was published."""
        return not self._stale and not self._busy

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._stale.wait()
            self._busy = True
            await asyncio.sleep(self._debounce)
            for user in self._stale.take():
                await self._publish_or_log(user)
            self._busy = False

    async def _publish_or_log(self, user: str) -> None:
        try:
            await self._publish(user)
        except SlackError as error:
            log.info("the Home tab of %s could not be published: %s", user, error)
            if error.kind is FailureClass.WAIT:
                self._stale.mark(user)
                await asyncio.sleep((error.retry_after or SLACK_RATE_LIMIT_WAIT).total_seconds())
        except (ChannelError, StoreError) as error:
            log.info("the Home tab of %s could not be published: %s", user, error)
