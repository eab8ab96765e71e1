"""What the step `message` sends: a plain message to a channel or a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from bot.slack import text
from bot.slack.channel import history
from bot.slack.client import SlackClient, SlackError
from bot.slack.failures import FailureClass
from engine.errors import ChannelError, StepError

EVENT: Final = "signoff_message"
"""`event_type` of the metadata in which a message of unknown outcome is found again."""
MOST_TEXT: Final = 40_000
"""Slack cuts what is longer: https://docs.slack.dev/reference/methods/chat.postMessage#truncating"""
_USER: Final = re.compile(r"<@([UW][A-Z0-9]{2,30})(?:\|[^<>]*)?>|([UW][A-Z0-9]{2,30})")
_CHANNEL: Final = re.compile(r"<#([CG][A-Z0-9]{2,30})(?:\|[^<>]*)?>|([CG][A-Z0-9]{2,30})")
_NAME: Final = re.compile(r"#[^\s#,<>]{1,80}")
_PAGES: Final = 2


class SlackSender:
    """Port Sender. `to`: `#name`, a channel's id, a person's id or mention, or an email address."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client

    async def send(self, *, to: str, text: str, key: str) -> Mapping[str, object]:
        """Post it as it is: nothing in it becomes a mention or a link. Raises `StepError`.

        To a person it is looked for first, because an earlier call may have landed. Channels we may not read: there
        an unknown outcome is for a person to judge.
        """
        try:
            place = await self._place(to)
            earlier = await self._earlier(place, key) if place.startswith("D") else None
            return earlier or await self._post(place, text, key)
        except ChannelError as error:
            raise _failure(error) from error

    async def _place(self, to: str) -> str:
        """The conversation. A person's is opened, so that it can be looked into."""
        to = to.strip()
        if found := _CHANNEL.fullmatch(to):
            return found[1] or found[2]
        if _NAME.fullmatch(to):
            return to
        if found := _USER.fullmatch(to):
            return await self._client.conversation(found[1] or found[2])
        if "@" in to:
            answer = await self._client.get("users.lookupByEmail", email=to)
            return await self._client.conversation(str(answer["user"]["id"]))
        raise StepError(
            f"{to!r} is no place in Slack: write #channel, a channel's or person's id, or an email address."
        )

    async def _earlier(self, channel: str, key: str) -> dict[str, Any] | None:
        async for message in history(self._client, channel, pages=_PAGES):
            metadata = message.get("metadata") or {}
            mine = metadata.get("event_type") == EVENT
            if mine and (metadata.get("event_payload") or {}).get("key") == key:
                return {"channel": channel, "ts": str(message["ts"])}
        return None

    async def _post(self, place: str, said: str, key: str) -> dict[str, Any]:
        if text.size(said) > MOST_TEXT:
            raise StepError(
                f"The text is longer than the {MOST_TEXT:,} characters that a message in Slack may have; "
                "& counts as five of them, < and > as four."
            )
        answer = await self._client.post(
            "chat.postMessage",
            channel=place,
            text=text.escape(said),
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": EVENT, "event_payload": {"key": key}},
        )
        return {"channel": str(answer.get("channel", "")), "ts": str(answer.get("ts", ""))}


def _failure(error: ChannelError) -> StepError:
    passing = (FailureClass.WAIT, FailureClass.INSTALLATION, FailureClass.UNKNOWN)
    later = isinstance(error, SlackError) and error.kind in passing
    reachable = isinstance(error, SlackError)
    return StepError(
        str(error),
        retryable=not error.permanent and not error.outcome_unknown and (later or not reachable),
        outcome_unknown=error.outcome_unknown,
        retry_after=error.retry_after,
    )
