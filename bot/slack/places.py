"""The channels of a workspace: whether the app can post there, and how it gets in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from msgspec import Struct

from bot.slack import text_objects
from bot.slack.client import SlackClient, SlackError
from bot.slack.errors import FailureClass
from engine.domain.accounts import SLACK
from engine.errors import ChannelError

_PAGE: Final = 1000
"""Channels in one page: https://docs.slack.dev/reference/methods/conversations.list"""
_MOST_PAGES: Final = 10
_GONE: Final = frozenset({"channel_not_found"})


class Place(Struct, frozen=True, kw_only=True):
    """A channel, as the app sees it."""

    id: str
    is_member: bool
    is_archived: bool


class Places:
    """Finds and joins channels. Raises `ChannelError` if Slack does not answer."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client

    async def find(self, name: str) -> Place | None:
        """Return a channel by its id or `#name`, or None if the app cannot see it: it may be private."""
        if not SLACK.is_channel_name(name):
            return await self._by_id(SLACK.channel_id(name) or name)
        bare = name.removeprefix("#")
        async for channel in self._channels("users.conversations", types="public_channel,private_channel"):
            if channel.get("name") == bare:
                return _place(channel, is_member=True)
        async for channel in self._channels("conversations.list", types="public_channel"):
            if channel.get("name") == bare:
                return _place(channel, is_member=channel.get("is_member") is True)
        return None

    async def join(self, place: Place) -> bool:
        """Join a public channel. Return whether the app is in it now."""
        try:
            await self._client.post("conversations.join", channel=place.id)
        except SlackError as error:
            if error.kind in (FailureClass.WAIT, FailureClass.UNKNOWN):
                raise
            return False
        return True

    async def obstacle(self, name: str) -> tuple[str, bool] | None:
        """Return why a request cannot be posted to a channel now, and whether it never can; None if it can.

        The app joins the channel if it is public and the app may.
        """
        shown = text_objects.line(name)
        place = await self.find(name)
        if place is None:
            todo = f"If it is private, type {invitation(shown)}, then register the file again."
            return f"Signoff sees no channel {shown}. {todo}", True
        if place.is_archived:
            return f"The channel {shown} is archived. Choose another one.", True
        if place.is_member or await self.join(place):
            return None
        return f"Signoff is not in {shown}. Type {invitation(shown)}.", False

    async def _by_id(self, channel: str) -> Place | None:
        try:
            answer = await self._client.get("conversations.info", channel=channel)
        except SlackError as error:
            if error.code in _GONE:
                return None
            raise
        found = answer["channel"]
        return _place(found, is_member=found.get("is_member") is True)

    async def _channels(self, method: str, *, types: str) -> AsyncIterator[dict[str, Any]]:
        cursor: dict[str, Any] = {}
        for _ in range(_MOST_PAGES):
            page = await self._client.get(method, types=types, limit=_PAGE, **cursor)
            for channel in page["channels"]:
                yield channel
            following = (page.get("response_metadata") or {}).get("next_cursor")
            if not following:
                return
            cursor = {"cursor": following}
        raise ChannelError("There are too many channels to look through; name the channel by its id.")


def invitation(shown: str) -> str:
    """Return what a person types to let the app into a channel."""
    return f"/invite @Signoff in {shown}"


def _place(channel: dict[str, Any], *, is_member: bool) -> Place:
    return Place(
        id=str(channel.get("id", "")),
        is_member=is_member,
        is_archived=channel.get("is_archived") is True,
    )
