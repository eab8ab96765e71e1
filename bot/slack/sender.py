"""Sends the message of a `message` step to a channel or a person."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bot.slack import ids, notification_text, rich_text, text_objects
from bot.slack.channel import history
from bot.slack.client import SlackClient, SlackError
from bot.slack.errors import FailureClass
from engine.domain.accounts import SLACK
from engine.errors import ChannelError, StepError

EVENT: Final = "signoff_message"
"""`event_type` of the metadata by which a message of unknown outcome is found again."""
MOST_TEXT: Final = 40_000
"""Maximum length of a message, in characters: https://docs.slack.dev/reference/methods/chat.postMessage#truncating"""
_PAGES: Final = 2
_CHANNELS: Final = 200
"""Channels in one page: https://docs.slack.dev/reference/methods/users.conversations"""
_MOST_PAGES: Final = 10
_ASKING: Final = 0.8
"""Timeout of a check, in seconds: Slack waits three for the answer to a registration."""


class SlackSender:
    """Sends messages of steps. `to`: `#name`, a channel's id, a person's id or mention, or an email address."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client

    async def send(self, *, to: str, text: str, source: str, key: str) -> Mapping[str, object]:
        """Post the text as a quotation with its source: nothing in it becomes a mention or a link. Raises `StepError`.

        In a conversation with a person, an earlier post is looked for first. Channels cannot be read: there an unknown
        outcome is for a person to judge.
        """
        try:
            conversation = await self._find_conversation(to)
            earlier = await self._earlier(conversation, key) if conversation.startswith("D") else None
            return earlier or await self._post(conversation, message(text, source=source), key)
        except ChannelError as error:
            raise _failure(to, error) from error

    async def doubt(self, to: str) -> str | None:
        """Return why a message could not be sent there. Only conversations that the app is in can be checked."""
        to = to.strip()
        if not _is_channel(to):
            return None
        name = SLACK.channel_id(to) or to
        try:
            async with asyncio.timeout(_ASKING):
                if name.removeprefix("#") in await self._load_joined_channels():
                    return None
        except (ChannelError, TimeoutError) as error:
            why = str(error) or "Slack did not answer in time."
            return f"Whether Signoff is in {to} could not be checked ({why}) If it is not, type /invite @Signoff there."
        return f"Signoff is not in {to}. Type /invite @Signoff there before a run gets to this step."

    async def _load_joined_channels(self) -> set[str]:
        """Return the ids and names of all channels that the app is in."""
        channels, cursor = set[str](), dict[str, Any]()
        for _ in range(_MOST_PAGES):
            page = await self._client.get(
                "users.conversations",
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=_CHANNELS,
                **cursor,
            )
            for channel in page["channels"]:
                channels |= {str(channel.get("id")), str(channel.get("name"))}
            following = (page.get("response_metadata") or {}).get("next_cursor")
            if not following:
                return channels
            cursor = {"cursor": following}
        raise ChannelError("It is in too many channels to look through.")

    async def _find_conversation(self, to: str) -> str:
        """Return the id of the conversation. A person's is opened, so that it can be read."""
        to = to.strip()
        if _is_channel(to):
            return SLACK.channel_id(to) or to
        if (user := SLACK.person_id(to)) is not None:
            return await self._client.conversation(user)
        if "@" in to:
            answer = await self._client.get("users.lookupByEmail", email=to)
            return await self._client.conversation(str(answer["user"]["id"]))
        raise StepError(
            f"{to!r} is no place in Slack: write #channel, a channel's or person's id, or an email address."
        )

    async def _earlier(self, channel: str, key: str) -> dict[str, Any] | None:
        async for message in history(self._client, channel, pages=_PAGES):
            metadata = message.get("metadata") or {}
            is_ours = metadata.get("event_type") == EVENT
            if is_ours and (metadata.get("event_payload") or {}).get("key") == key:
                return {"channel": channel, "ts": str(message["ts"])}
        return None

    async def _post(self, conversation: str, content: dict[str, Any], key: str) -> dict[str, Any]:
        answer = await self._client.post(
            "chat.postMessage",
            channel=conversation,
            **content,
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": EVENT, "event_payload": {"key": key}},
        )
        return {"channel": str(answer.get("channel", "")), "ts": str(answer.get("ts", ""))}


def _is_channel(to: str) -> bool:
    """Return whether it is a channel: its name, its id or a mention of it."""
    return SLACK.is_channel_name(to) or SLACK.channel_id(to) is not None


def message(text: str, *, source: str) -> dict[str, Any]:
    """Return the text, and blocks if they can hold all of it. Raises `StepError` if it is too long for a message.

    All of it is in a quote below a line of ours, so that it cannot imitate a request or a decision.
    """
    whole, line = text_objects.shown(text), f"Message of {source}:"
    if text_objects.size(whole) <= ids.MESSAGE_TEXT:
        blocks = [
            text_objects.context([text_objects.plain(line)], block="source"),
            rich_text.quotation(whole, block="text"),
        ]
        return {"text": notification_text.of_blocks(blocks), "blocks": blocks}
    escaped = text_objects.escape(f"{line}\n{notification_text.quoted(whole)}")
    if text_objects.units(escaped) > MOST_TEXT:
        raise StepError(
            f"The text is longer than the {MOST_TEXT:,} characters that a message in Slack may have; "
            "& counts as five of them, < and > as four, and the end of a line as six."
        )
    return {"text": escaped}


_NOT_IN: Final = frozenset({"not_in_channel", "channel_not_found"})


def _failure(to: str, error: ChannelError) -> StepError:
    passing = (FailureClass.WAIT, FailureClass.INSTALLATION, FailureClass.UNKNOWN)
    is_retryable = isinstance(error, SlackError) and error.kind in passing
    reachable = isinstance(error, SlackError)
    invite = _is_channel(to.strip()) and isinstance(error, SlackError) and error.code in _NOT_IN
    todo = f" Type /invite @Signoff in the channel {text_objects.line(to)}, if there is one." if invite else ""
    return StepError(
        f"{error}{todo}",
        retryable=not error.permanent and not error.outcome_unknown and (is_retryable or not reachable),
        outcome_unknown=error.outcome_unknown,
        retry_after=error.retry_after,
    )
