"""For which app and workspace this server is, as Slack says of its token."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from bot.slack.client import SlackClient
from bot.slack.payload_schema import IncomingPayload
from engine.errors import ChannelError

_PATIENCE: Final = 1.0
"""Seconds that a delivery waits to know whether it is for us: Slack waits three for all of an answer."""
_ASKED_AGAIN: Final = 10.0
"""Seconds after which Slack is asked again who we are, where it did not say."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppIdentity:
    """`app`: empty where Slack did not say. `enterprise`: set where the app is installed in a whole organisation."""

    team: str
    app: str = ""
    enterprise: str = ""

    def takes(self, delivery: IncomingPayload) -> bool:
        """Return whether a delivery is for this app in this workspace or organisation."""
        if self.app and delivery.app and delivery.app != self.app:
            return False
        if self.enterprise:
            return self.enterprise in delivery.enterprises
        return self.team in delivery.teams

    @property
    def named(self) -> str:
        app = f"the app {self.app}" if self.app else "one app"
        return f"{app} in {self.enterprise or self.team}"


class Installation:
    """Asks Slack once who we are. It never changes while the token is the same."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client
        self._asking: asyncio.Future[AppIdentity] | None = None
        self._asked_at = 0.0

    async def identity(self) -> AppIdentity | None:
        """Return who we are, or None while Slack does not say."""
        now = asyncio.get_running_loop().time()
        failed = self._asking is not None and self._asking.done() and not _came(self._asking)
        if self._asking is None or (failed and now - self._asked_at > _ASKED_AGAIN):
            self._asking, self._asked_at = asyncio.ensure_future(self._ask()), now
        await asyncio.wait({self._asking}, timeout=_PATIENCE)
        return self._asking.result() if _came(self._asking) else None

    async def learn(self) -> None:
        """Ask ahead of the first delivery."""
        await self.identity()

    async def close(self) -> None:
        """Ask no longer."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> AppIdentity:
        """Raise `ChannelError` where Slack does not answer."""
        said = await self._client.get("auth.test")
        enterprise = str(said.get("enterprise_id") or "") if said.get("is_enterprise_install") is True else ""
        return AppIdentity(team=str(said["team_id"]), app=await self._app(said.get("bot_id")), enterprise=enterprise)

    async def _app(self, bot: object) -> str:
        """The id of the app, where the token may ask for it."""
        if not isinstance(bot, str):
            return ""
        try:
            said = (await self._client.get("bots.info", bot=bot)).get("bot")
        except ChannelError as error:
            log.info("the id of the app is not known: %s", error)
            return ""
        return str(said.get("app_id") or "") if isinstance(said, dict) else ""


def _came(asking: asyncio.Future[AppIdentity]) -> bool:
    return asking.done() and not asking.cancelled() and asking.exception() is None
