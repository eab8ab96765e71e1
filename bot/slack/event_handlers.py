"""Handlers of events: App Home is opened, a person writes to the app, an account changes, the app is removed."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from bot.slack import home_tab, ids, thread_replies
from bot.slack.context import SlackContext
from bot.slack.payloads import Actor
from engine.domain import Receipt, RequestState, Verdict

WRITTEN: Final = (
    "I can't read messages. To decide a request, use the buttons below it. To see what else you can do, type "
    "/signoff help."
)
_SAID_AGAIN: Final = timedelta(hours=1)
_REMEMBERED: Final = 10_000
_SLACKBOT: Final = "USLACKBOT"
_READ_IN: Final = ("im", "channel", "group")
_WRITTEN_BY_PEOPLE: Final = (None, "file_share", "thread_broadcast", "me_message")
"""Subtypes of messages that a person wrote: https://docs.slack.dev/reference/events/message#subtypes"""
INSTALL_AGAIN: Final = (
    "No one in Slack gets messages until you install it again at https://api.slack.com/apps and start this server with "
    "the new SIGNOFF_SLACK_BOT_TOKEN."
)

log = logging.getLogger(__name__)


class EventHandlers:
    """Handlers of events. Slack delivers some of them several times, and each handler may run twice."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context
        self._told: dict[str, datetime] = {}
        self._answered: dict[str, datetime] = {}

    async def home_opened(self, ack: Any, body: Any) -> None:
        """Show this person what is true now, in the part and with the filter that they saw last."""
        event = body.get("event") or {}
        user = event.get("user")
        await ack()
        if event.get("tab", "home") == "home" and isinstance(user, str) and user:
            shown = ids.decode_home((event.get("view") or {}).get("private_metadata"))
            self._context.later.do(home_tab.publish(self._context, user, shown.first if shown else None))

    async def written(self, ack: Any, body: Any) -> None:
        """Tell a person who writes to the app that messages are not read, once an hour and never to apps.

        In channels only replies below a request that look like a decision are answered.
        """
        await ack()
        event, own = body.get("event") or {}, ourselves(body)
        if not _is_of_a_person(event, ourselves=own):
            return
        if event.get("channel_type") != "im":
            self._read_reply(event, own)
        elif self._may_tell(event["user"]):
            work = self._context.replies.say(event["channel"], WRITTEN, thread=event.get("thread_ts"))
            self._context.later.do(work)

    def _read_reply(self, event: Any, ourselves: set[str]) -> None:
        """Answer a person who types a decision below a request in a channel, once for each request."""
        thread, text = event.get("thread_ts"), event.get("text")
        # Slack names the author of the message that the thread is below.
        is_below_ours = not ourselves or event.get("parent_user_id") in (None, *ourselves)
        if not (isinstance(thread, str) and isinstance(text, str) and is_below_ours):
            return
        typed = thread_replies.verdict(text)
        key = f"{event['user']} {event['channel']} {thread}"
        if typed is not None and self._remember(self._answered, key):
            by = Actor(team="", user=event["user"], channel=event["channel"])
            self._context.later.do(self._point_to_buttons(by, thread, typed, key))

    async def _point_to_buttons(self, by: Actor, thread: str, typed: Verdict, key: str) -> None:
        """Tell a person that a reply decides nothing, if the thread is that of a request that waits."""
        service, is_told = self._context.service, False
        try:
            request = await service.engine.request_at(Receipt({"channel": by.channel, "ts": thread}))
            if request is not None and request.model.state is RequestState.PENDING:
                answer = thread_replies.answer(request, typed, await service.person(by))
                is_told = await self._context.replies.show_here(by, answer, thread=thread)
        finally:
            if not is_told:
                self._answered.pop(key, None)

    def _remember(self, told: dict[str, datetime], key: str) -> bool:
        """Remember a key, and return whether it is new. Kept in memory, as in `_may_tell`."""
        if key in told:
            return False
        if len(told) >= _REMEMBERED:
            told.clear()
        told[key] = self._context.service.clock.now()
        return True

    def _may_tell(self, user: str) -> bool:
        """Return whether to tell this person now.

        Kept in memory: after a restart, and by each process, it may be said once more. It answers what the person just
        wrote, and no decision depends on it, which is not worth a write to the database for each message.
        """
        now = self._context.service.clock.now()
        last = self._told.get(user)
        if last is not None and now - last < _SAID_AGAIN:
            return False
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[user] = now
        return True

    async def account_changed(self, ack: Any, body: Any) -> None:
        """Look a changed account up again. The person of a deactivated one can no longer decide."""
        user = body["event"].get("user")
        if isinstance(user, dict) and isinstance(user.get("id"), str):
            await self._context.service.account_changed(user["id"], deactivated=user.get("deleted") is True)
        await ack()

    async def removed(self, ack: Any, body: Any) -> None:
        """Log that nothing reaches this workspace until the app is installed again."""
        log.error("The app was removed from the Slack workspace %s. %s", body.get("team_id"), INSTALL_AGAIN)
        await ack()

    async def revoked(self, ack: Any, body: Any) -> None:
        """Log the same if the bot's token was revoked; tokens of users are not used."""
        tokens = body["event"].get("tokens")
        if isinstance(tokens, dict) and tokens.get("bot"):
            log.error("The bot's token for the Slack workspace %s was revoked. %s", body.get("team_id"), INSTALL_AGAIN)
        await ack()


def _is_of_a_person(event: Any, *, ourselves: set[str]) -> bool:
    """Return whether a person wrote this to the app or in a channel. Most subtypes are no texts."""
    is_automatic = any(event.get(key) for key in ("bot_id", "bot_profile", "app_id", "hidden"))
    is_automatic = is_automatic or event.get("subtype") not in _WRITTEN_BY_PEOPLE
    user, channel = event.get("user"), event.get("channel")
    is_named = isinstance(user, str) and isinstance(channel, str) and user not in {_SLACKBOT, *ourselves}
    return event.get("channel_type") in _READ_IN and is_named and not is_automatic


def ourselves(body: Any) -> set[str]:
    """Return the accounts of this app that an event names."""
    return {
        authorization["user_id"]
        for authorization in body.get("authorizations") or []
        if isinstance(authorization.get("user_id"), str)
    }
