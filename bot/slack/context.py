"""The context that handlers share: the service, replies, and tasks that run after the acknowledgement."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from bot.log import report_incident
from bot.slack.background import BackgroundTasks
from bot.slack.client import SlackClient
from bot.slack.home_publisher import StaleHomes, TabLocks
from bot.slack.ids import Ref
from bot.slack.installation import Installation
from bot.slack.log_throttle import LogThrottle
from bot.slack.message_source import MessageSources
from bot.slack.payloads import Actor
from bot.slack.replies import Replies
from bot.slack.service import SlackService
from engine.domain import Card
from engine.domain.accounts import SLACK
from engine.errors import ChannelError

_UPDATES: Final = 5
"""How often Slack takes an answer to one click: https://docs.slack.dev/interactivity/handling-user-interaction"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlackContext:
    """`service` talks to the engine, `replies` answers people, `later` runs tasks after the acknowledgement,
    `stale` has the Home tabs that are published again."""

    service: SlackService
    replies: Replies
    client: SlackClient
    later: BackgroundTasks
    stale: StaleHomes
    installation: Installation
    tabs: TabLocks = field(default_factory=TabLocks)
    throttle: LogThrottle = field(default_factory=LogThrottle)

    async def update_copy(self, response_url: str | None, ref: Ref, by: Actor) -> Card | None:
        """Update the clicked message to the present state of its request at once, and return its card.

        This update may arrive after one of the relay that shows a later state: that others approved as well, or what
        became of the step. So it is repeated until what it showed is still true afterwards. A copy for all people in a
        channel shows no one's own state, so while the request waits it is left to the relay.
        """
        card = await self.service.card(ref.request, by)
        if card is not None and card.outcome is None and by.channel.startswith(SLACK.channel_starts):
            return card
        for _ in range(_UPDATES):
            if card is None or not await self.replies.copy(response_url, card, delivery=ref.delivery):
                break
            shown, card = card, await self.service.card(ref.request, by)
            if card == shown:
                break
        return card

    @property
    def messages(self) -> MessageSources:
        """The messages that runs are started with."""
        return MessageSources(self.client, self.service.directory, self.installation)

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
                # When too much is sent at once, this is so for many people.
                self.throttle.warn(log, f"could not be told {sentence!r}: {silent}", who=by.user)

        self.later.do(work, broke=broke)
