"""The message that a run is started with: what triggers read of it, and what the run remembers of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace

from bot.slack import message_text, payload_schema
from bot.slack.client import SlackClient, SlackError
from bot.slack.errors import FailureClass
from bot.slack.ids import MessageRef
from bot.slack.installation import Installation
from bot.slack.payloads import Actor
from engine import timestamps
from engine.domain import Origin
from engine.domain.accounts import SLACK
from engine.errors import ChannelError
from engine.json_values import Value
from engine.ports import Directory, DirectoryPerson
from engine.references import Reference

_LOOKING_UP: Final = 1.0
"""How long the names of people in a message are waited for, in seconds. Without them, their ids are shown."""
_TS: Final = re.compile(r"\d{1,12}\.\d{1,6}")
_GONE: Final = frozenset({FailureClass.MESSAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMessage:
    """A message. `text`: as people read it."""

    ref: MessageRef
    text: str

    def names(self, author: str, link: str) -> dict[str, Value]:
        """Return what `trigger` holds. `author`: an address of the author, or the name of an app."""
        at = timestamps.iso(datetime.fromtimestamp(float(self.ref.ts), UTC))
        channel = f"#{self.ref.channel_name}" if self.ref.channel_name else self.ref.channel
        return {
            "text": self.text,
            "author": author,
            "link": link,
            "channel": channel,
            "time": at,
            "date": at[:10],
        }


class MessageSources:
    """Reads messages and the people in them. Raises `ChannelError` if Slack does not answer."""

    def __init__(self, client: SlackClient, directory: Directory, installation: Installation) -> None:
        self._client, self._directory, self._installation = client, directory, installation

    async def of(self, message: Mapping[str, Any], ref: MessageRef) -> SourceMessage:
        """Return a message that Slack sent. `ref`: where it is."""
        text = message_text.of_message(message)
        people = await self._people(message_text.mentions(text))
        names = {account: person.name for account, person in people.items()}
        thread = message.get("thread_ts")
        below = thread if isinstance(thread, str) and _TS.fullmatch(thread) and thread != ref.ts else None
        known = replace(ref, thread=below, author=_author(message)[:200], channel_name=ref.channel_name[:100])
        return SourceMessage(ref=known, text=message_text.plain(text, names))

    async def read(self, ref: MessageRef) -> SourceMessage | None:
        """Read a message of a conversation that the app is in. Return None if it is gone."""
        arguments = {"channel": ref.channel, "ts": ref.ts, "limit": 1, "inclusive": True}
        try:
            page = await self._client.get("conversations.replies", **arguments)
        except SlackError as error:
            if error.kind in _GONE:
                return None
            raise
        found = page["messages"]
        messages = [message for message in found if isinstance(message, Mapping)] if isinstance(found, list) else []
        message = next((message for message in messages if message.get("ts") == ref.ts), None)
        return None if message is None else await self.of(payload_schema.readable(message), ref)

    async def names(self, source: SourceMessage) -> dict[str, Value]:
        """Return what `trigger` holds for a message."""
        author = source.ref.author
        person = (await self._people([author])).get(author) if SLACK.person_id(author) else None
        emails = [address.value for address in person.addresses if address.kind == "email"] if person else []
        return source.names(next(iter(emails), author), await self.link(source.ref))

    async def link(self, ref: MessageRef) -> str:
        return await self._installation.message_url(ref.channel, ref.ts, ref.thread)

    async def _people(self, accounts: Iterable[str]) -> dict[str, DirectoryPerson]:
        """Return the people with these accounts, as far as Slack names them in time."""
        references = [Reference(SLACK.name, account, account) for account in accounts]
        if not references:
            return {}
        try:
            async with asyncio.timeout(_LOOKING_UP):
                answers = await self._directory.resolve(references)
        except (ChannelError, TimeoutError):
            return {}
        return {
            reference.value: person
            for reference, answer in answers.items()
            for person in (*answer.people, *answer.guests)
        }


def key(ref: MessageRef, workflow: str) -> str:
    """Return the key of the run of a workflow for a message, or for a reaction to it: there is one run."""
    what = f"reaction:{ref.emoji}" if ref.emoji else "message"
    return f"slack:{what}:{ref.channel}:{ref.ts}:{workflow}"


def origin(by: Actor, ref: MessageRef, link: str) -> Origin:
    """Return where a run was started, for the audit log. Its outcome goes to the thread of the message."""
    return by.origin(message=ref.ts, thread=ref.thread or ref.ts, link=link, emoji=ref.emoji)


def _author(message: Mapping[str, Any]) -> str:
    """Return the account of the person who wrote a message, or the name of the app."""
    user, profile = message.get("user"), message.get("bot_profile")
    if isinstance(user, str) and SLACK.person_id(user) and not message.get("bot_id"):
        return user
    named = [profile.get("name")] if isinstance(profile, Mapping) else []
    return next((name for name in [*named, message.get("username"), user] if isinstance(name, str) and name), "")
