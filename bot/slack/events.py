"""Events: App Home is opened; the app is removed."""

from __future__ import annotations

import logging
from typing import Any

from bot.slack import home
from bot.slack.payloads import By
from bot.slack.room import Room

log = logging.getLogger(__name__)


class Events:
    """Handlers of events. Slack delivers some of them several times; none of them changes anything of ours."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def home_opened(self, ack: Any, body: Any) -> None:
        """Show what waits for this person now."""
        event = body.get("event") or {}
        by = By(team=str(body.get("team_id", "")), user=str(event.get("user", "")))
        await ack()
        if event.get("tab", "home") == "home" and by.user:
            self._room.later.do(self._publish(by))

    async def _publish(self, by: By) -> None:
        desk = self._room.desk
        view = home.home(pending=await desk.pending(by), runs=await desk.runs(by))
        await self._room.replies.publish(by.user, view)

    async def removed(self, ack: Any, body: Any) -> None:
        """Nothing reaches this workspace any more until somebody installs the app again."""
        log.error("the app was removed from Slack workspace %s (%s)", body.get("team_id"), _type(body))
        await ack()


def _type(body: Any) -> str:
    return str((body.get("event") or {}).get("type", ""))
