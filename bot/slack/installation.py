"""The app and workspace that the bot token belongs to."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from bot.slack.client import SlackClient
from bot.slack.payload_schema import IncomingPayload
from engine.errors import ChannelError

_PATIENCE: Final = 1.0
"""How long a delivery waits until the identity of the app is known, in seconds: Slack allows three in all."""
_ASKED_AGAIN: Final = 10.0
"""Wait before Slack is asked for the identity again, in seconds."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppIdentity:
    """The app and its workspace. `app`: empty if unknown. `enterprise`: set if installed in a whole organisation."""

    team: str
    app: str = ""
    enterprise: str = ""
    url: str = ""
    """The address of the workspace in a browser, with a slash at its end."""

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
    """Asks Slack once for the identity of the app, which never changes for a token."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client
        self._asking: asyncio.Future[AppIdentity] | None = None
        self._asked_at = 0.0

    async def identity(self) -> AppIdentity | None:
        """Return the identity of the app, or None while Slack does not answer."""
        now = asyncio.get_running_loop().time()
        failed = self._asking is not None and self._asking.done() and not _succeeded(self._asking)
        if self._asking is None or (failed and now - self._asked_at > _ASKED_AGAIN):
            self._asking, self._asked_at = asyncio.ensure_future(self._ask()), now
        await asyncio.wait({self._asking}, timeout=_PATIENCE)
        return self._asking.result() if _succeeded(self._asking) else None

    async def message_url(self, channel: str, ts: str, thread: str | None) -> str:
        """Return the address of a message in a browser, or an empty text while Slack does not answer.

        It is put together here, because Slack gives no address of a message in a conversation that the app is not in.
        """
        identity = await self.identity()
        if identity is None or not identity.url:
            return ""
        below = f"?thread_ts={thread}&cid={channel}" if thread not in (None, ts) else ""
        return f"{identity.url}archives/{channel}/p{ts.replace('.', '')}{below}"

    async def learn(self) -> None:
        """Ask before the first delivery comes."""
        await self.identity()

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> AppIdentity:
        """Ask Slack. Raises `ChannelError` if it does not answer."""
        answer = await self._client.get("auth.test")
        enterprise = str(answer.get("enterprise_id") or "") if answer.get("is_enterprise_install") is True else ""
        app, url = await self._app(answer.get("bot_id")), str(answer.get("url") or "")
        return AppIdentity(team=str(answer["team_id"]), app=app, enterprise=enterprise, url=url)

    async def _app(self, bot: object) -> str:
        """Return the id of the app, or an empty text if the token may not ask for it."""
        if not isinstance(bot, str):
            return ""
        try:
            answer = (await self._client.get("bots.info", bot=bot)).get("bot")
        except ChannelError as error:
            log.info("the id of the app is not known: %s", error)
            return ""
        return str(answer.get("app_id") or "") if isinstance(answer, dict) else ""


def _succeeded(asking: asyncio.Future[AppIdentity]) -> bool:
    return asking.done() and not asking.cancelled() and asking.exception() is None
