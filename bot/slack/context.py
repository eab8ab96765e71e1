"""The context that handlers share: the service, replies, and tasks that run after the acknowledgement."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from bot.log import report_incident
from bot.slack.background import BackgroundTasks
from bot.slack.client import SlackClient
from bot.slack.home_publisher import TabLocks
from bot.slack.payloads import Actor
from bot.slack.replies import Replies
from bot.slack.service import SlackService
from engine.errors import ChannelError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlackContext:
    """`service` talks to the engine, `replies` answers people, `later` runs tasks after the acknowledgement."""

    service: SlackService
    replies: Replies
    client: SlackClient
    later: BackgroundTasks
    tabs: TabLocks = field(default_factory=TabLocks)

    def after(
        self, by: Actor, response_url: str | None, work: Coroutine[Any, Any, None], *, recorded: bool = False
    ) -> None:
        """Run `work` after this delivery is acknowledged, and notify the person if it fails.

        `recorded`: the action of the person is committed already.
        """

        async def broke(error: Exception) -> None:
            sentence = str(error) if isinstance(error, ChannelError) else report_incident(error, recorded=recorded)
            try:
                await self.replies.tell(by, sentence, response_url=response_url)
            except ChannelError as silent:
                log.warning("%s could not be told %r: %s", by.user, sentence, silent)

        self.later.do(work, broke=broke)
