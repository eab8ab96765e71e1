"""Slack as a channel: each delivery is a message in the app's conversation with a person."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from bot.slack import ids, message_view, text_objects
from bot.slack.client import SlackClient, SlackError
from bot.slack.errors import FailureClass
from bot.slack.home_publisher import StaleHomes
from bot.slack.message_view import SlackMessage
from bot.slack.places import Places, invitation
from engine.domain import Card, DeliveryKind, Receipt
from engine.domain.accounts import SLACK
from engine.errors import ChannelError
from engine.off_loop import LARGE, off_loop
from engine.ports import Renew

_PAGE: Final = 200
_PAGES: Final = 5
"""How far back a message is searched for: a post of unknown outcome is seconds or minutes old."""

_THREAD_REFUSED: Final = frozenset({FailureClass.RECIPIENT, FailureClass.MESSAGE, FailureClass.OTHER})
"""Failures of a reply after which a new message is posted: Slack did nothing. What it answers when the message is gone
is not documented."""
_NOT_IN: Final = frozenset({"not_in_channel", "channel_not_found"})

log = logging.getLogger(__name__)


def is_place(address: str) -> bool:
    """Return whether an address is that of a channel alone."""
    return "," not in address and not address.startswith(SLACK.person_starts)


def is_large(card: Card) -> bool:
    """Return whether arranging the card may take long."""
    return sum(len(field.text) + len(field.before or "") for field in card.values) > LARGE


def complete_card(card: Card, *, delivery: str) -> SlackMessage:
    """Return the message of a card. An alert that was answered has no buttons."""
    topic = card.topic if card.step is not None else None
    return message_view.message(card, delivery=delivery, topic=topic)


@dataclass(slots=True)
class _NewestCard:
    """The card of a copy, which may be renewed while an edit waits for its turn."""

    card: Card
    renew: Renew | None
    delivery: str
    is_minimal: bool = False

    async def message(self) -> SlackMessage:
        """Return the message of the card."""
        card = self.card
        if self.is_minimal:
            return message_view.minimal(card, delivery=self.delivery)
        return await off_loop(lambda: complete_card(card, delivery=self.delivery), large=is_large(card))

    @property
    def closes(self) -> bool:
        """Whether an edit takes the buttons from a copy: it goes before those that only show how far others are."""
        return self.card.kind is DeliveryKind.REQUEST and self.card.outcome is not None

    async def renewed(self) -> Mapping[str, Any]:
        """Return what an edit has to show instead if the card has changed meanwhile."""
        card = await self.renew() if self.renew is not None else None
        if card is None:
            return {}
        self.card = card
        return (await self.message()).for_update()


class SlackChannel:
    """Addresses are `U…`, a person; `C…,U…`: the channel, and if we may not post there, the person; `C…/TS,U…`: the
    thread of a message in the channel, or else the person; `C…` or `#name`: a channel alone, which all approvers of a
    request read.

    `homes` gets the ids of the people whose messages have changed.
    """

    name = "slack"
    renews_cards: ClassVar[Literal[True]] = True

    def __init__(self, client: SlackClient, homes: StaleHomes | None = None) -> None:
        self._client, self._homes, self._places = client, homes, Places(client)
        self._conversations: dict[str, str] = {}
        """The ids of conversations with people: a cache that may be lost."""

    async def show(
        self, *, address: str, card: Card, receipt: Receipt | None, delivery: str, renew: Renew | None = None
    ) -> Receipt:
        """Post the card, or edit its message; `renew`: see `RenewsCards`."""
        receipt = await self._show_newest(address, _NewestCard(card, renew, delivery), receipt)
        if self._homes is not None:
            for user in card.readers or (() if is_place(address) else (address.rpartition(",")[2],)):
                self._homes.mark(user, closed=(card.request or "") if card.outcome is not None else "")
        return receipt

    async def check_turn(self, *, address: str, delivery: str) -> None:
        """Raise `ChannelError` if the first copy for a person would have to wait long for its turn."""
        if address.startswith(SLACK.person_starts):
            channel = self._conversations.get(address, address)
            await self._client.check_turn("chat.postMessage", channel=channel, key=delivery)

    def mark_list(self, address: str) -> None:
        """Publish the Home tab of a person soon: a request is held for them, or was decided meanwhile."""
        if self._homes is not None:
            self._homes.mark(address.rpartition(",")[2])

    async def _show_newest(self, address: str, newest: _NewestCard, receipt: Receipt | None) -> Receipt:
        try:
            return await self._post_or_update(address, newest, receipt)
        except SlackError as error:
            if error.kind is not FailureClass.PAYLOAD:
                raise
            log.error("copy %s could not be shown in full: %s", newest.delivery, error)
        newest.is_minimal = True
        return await self._post_or_update(address, newest, receipt)

    async def find(self, *, address: str, delivery: str, below: Receipt | None = None) -> Receipt | None:
        """Return the receipt of the message in the conversation with the person or in the channel, or None.

        Of `C…,U…` the channel is not read; only outcomes are posted there, and a second one does no harm.
        """
        if is_place(address):
            found = await self._find_below(below, delivery) if below is not None else None
            return found or await self._find_in_place(address, delivery)
        return await self._find_in(await self._conversation(address.rpartition(",")[2]), delivery)

    async def _find_in_place(self, name: str, delivery: str) -> Receipt | None:
        """Return the receipt of a message in a channel, or None, also if the app may not read it."""
        try:
            place = await self._places.find(name)
            return None if place is None else await self._find_in(place.id, delivery)
        except SlackError as error:
            if error.kind not in (FailureClass.RECIPIENT, FailureClass.INSTALLATION):
                raise
            return None

    async def _find_below(self, below: Receipt, delivery: str) -> Receipt | None:
        """Return the receipt of a reply that stands in its thread alone, and not in the channel as well."""
        channel, thread = below.data["channel"], below.data["ts"]
        try:
            async for message in replies(self._client, channel, thread, pages=_PAGES):
                if _carries(message, delivery):
                    return Receipt({"channel": channel, "ts": str(message["ts"])})
        except SlackError as error:
            if error.kind not in _THREAD_REFUSED:
                raise
        return None

    async def _find_in(self, channel: str, delivery: str) -> Receipt | None:
        async for message in history(self._client, channel, pages=_PAGES):
            if _carries(message, delivery):
                return Receipt({"channel": channel, "ts": str(message["ts"])})
        return None

    async def _post_or_update(self, address: str, newest: _NewestCard, receipt: Receipt | None) -> Receipt:
        if receipt is None:
            return await self._post_newest(address, newest)
        try:
            await self._update(newest, receipt)
        except SlackError as error:
            if error.kind is not FailureClass.MESSAGE:
                raise
        else:
            return receipt
        return await self._replace(address, newest, receipt)

    async def _update(self, newest: _NewestCard, receipt: Receipt) -> None:
        message = await newest.message()
        await self._client.post(
            "chat.update",
            key=newest.delivery,
            urgent=newest.closes,
            renew=newest.renewed,
            **receipt.data,
            **message.for_update(),
        )

    async def _replace(self, address: str, newest: _NewestCard, receipt: Receipt) -> Receipt:
        """Post a new message for one that is gone or can no longer be edited.

        A new one may be there already, from a post of unknown outcome.
        """
        if is_place(address):
            # The channel may have another name by now.
            address = receipt.data["channel"]
        present = await self.find(address=address, delivery=newest.delivery, below=newest.card.below)
        if present is not None and present.data["ts"] != receipt.data.get("ts"):
            await self._update(newest, present)
            return present
        return await self._post_newest(address, newest)

    async def _post_newest(self, address: str, newest: _NewestCard) -> Receipt:
        """Post below the copy of the same request, or as a new message if there is none or it takes no reply."""
        message, below = await newest.message(), newest.card.below
        if below is not None:
            try:
                return await self._post_below(below, message, delivery=newest.delivery, alone=is_place(address))
            except SlackError as error:
                if error.kind not in _THREAD_REFUSED:
                    raise
        return await self._post(address, message, delivery=newest.delivery)

    async def _post_below(self, below: Receipt, message: SlackMessage, *, delivery: str, alone: bool) -> Receipt:
        """Post a reply. Unless it stands in the thread `alone`, the conversation shows it too, and Slack notifies."""
        thread = {"thread_ts": below.data["ts"], **({} if alone else {"reply_broadcast": True})}
        return await self._post_to(below.data["channel"], message, delivery=delivery, **thread)

    async def _post(self, address: str, message: SlackMessage, *, delivery: str) -> Receipt:
        if is_place(address):
            return await self._post_to_place(address, message, delivery=delivery)
        conversation, _, user = address.rpartition(",")
        if conversation:
            channel, _, thread = conversation.partition("/")
            below = {"thread_ts": thread} if thread else {}
            try:
                return await self._post_to(channel, message, delivery=delivery, **below)
            except SlackError as error:
                if error.kind not in (_THREAD_REFUSED if thread else {FailureClass.RECIPIENT}):
                    raise
        try:
            return await self._post_to(self._conversations.get(user, user), message, delivery=delivery)
        except SlackError as error:
            if error.code != "channel_not_found":
                raise
        # Slack does not say why a person cannot be written to; opening the conversation does.
        self._conversations.pop(user, None)
        return await self._post_to(await self._conversation(user), message, delivery=delivery)

    async def _post_to_place(self, name: str, message: SlackMessage, *, delivery: str) -> Receipt:
        """Post a message to a channel. The app joins it if it is public and the app may."""
        try:
            return await self._post_to(name, message, delivery=delivery)
        except SlackError as error:
            if error.code not in _NOT_IN:
                raise
            place = await self._places.find(name) if error.code == "not_in_channel" else None
            if place is None or place.is_archived or not await self._places.join(place):
                shown = text_objects.line(name)
                raise ChannelError(f"{error} Type {invitation(shown)}, if there is one.", permanent=True) from error
        return await self._post_to(place.id, message, delivery=delivery)

    async def _post_to(self, channel: str, message: SlackMessage, *, delivery: str, **thread: Any) -> Receipt:
        """Post a message. For a person's id Slack answers with the id of the conversation."""
        arguments = {**message.for_post(), **thread}
        answer = await self._client.post("chat.postMessage", key=delivery, channel=channel, **arguments)
        channel_id, ts = answer.get("channel"), answer.get("ts")
        if not isinstance(channel_id, str) or not isinstance(ts, str):
            raise ChannelError("Slack did not say where it put a message.", outcome_unknown=True)
        if channel.startswith(SLACK.person_starts):
            self._conversations[channel] = channel_id
        return Receipt({"channel": channel_id, "ts": ts})

    async def _conversation(self, user: str) -> str:
        conversation = self._conversations.get(user)
        if conversation is None:
            conversation = self._conversations[user] = await self._client.conversation(user)
        return conversation


def history(client: SlackClient, channel: str, *, pages: int) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the messages of a conversation with their metadata, the newest first."""
    return _messages(client, "conversations.history", pages=pages, channel=channel)


def replies(client: SlackClient, channel: str, thread: str, *, pages: int) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the messages of a thread with their metadata, the oldest first."""
    return _messages(client, "conversations.replies", pages=pages, channel=channel, ts=thread)


async def _messages(
    client: SlackClient, method: str, *, pages: int, **arguments: Any
) -> AsyncIterator[Mapping[str, Any]]:
    cursor: dict[str, Any] = {}
    for _ in range(pages):
        page = await client.get(method, **arguments, limit=_PAGE, include_all_metadata=True, **cursor)
        if not isinstance(page["messages"], list):
            raise SlackError(None, http_status=200, changes_nothing=True)
        for message in page["messages"]:
            if isinstance(message, Mapping):
                yield message
        following = (page.get("response_metadata") or {}).get("next_cursor")
        if not following:
            return
        cursor = {"cursor": following}


def _carries(message: Mapping[str, Any], delivery: str) -> bool:
    metadata = message.get("metadata") or {}
    return (
        metadata.get("event_type") == ids.METADATA_EVENT
        and (metadata.get("event_payload") or {}).get("delivery") == delivery
    )
