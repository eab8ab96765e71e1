"""Email as a channel. An email cannot be edited, so the outcome of a request is a second one in the same thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from email.headerregistry import Address
from typing import ClassVar, Final, Literal

from bot.email import errors, message, transfer_encoding
from bot.email.client import BEFORE_DOT_SECONDS, SmtpClient
from bot.email.errors import MailError, Meaning, Stage
from bot.email.message import Envelope
from bot.email.transfer_encoding import WrittenEmail
from bot.email.writer import EmailWriter
from bot.presentation.alert_card import TO_APPROVERS
from engine.domain import Card, DeliveryKind, Receipt, RunStatus
from engine.off_loop import LARGE, off_loop

ANSWER_SECONDS: Final = 60.0
"""How long a copy waits for the answer to the final dot, in seconds. RFC 5321 (4.5.3.2.6) asks for ten minutes, which
would keep other copies waiting. A copy without an answer is sent a second time."""

log = logging.getLogger(__name__)


class EmailChannel:
    """The port `Channel` for email addresses. `now`: the clock that dates the emails. `name`: who runs this Signoff."""

    name = "email"
    carries_links: ClassVar[Literal[True]] = True
    show_seconds: ClassVar[float] = 2 * BEFORE_DOT_SECONDS + ANSWER_SECONDS + 4
    """Maximum time for one copy, in seconds: the whole email is refused, and the short one is sent."""

    def __init__(
        self, client: SmtpClient, *, sender: Address, public_url: str, now: Callable[[], datetime], name: str = ""
    ) -> None:
        self._client, self._sender, self._public_url, self._now = client, sender, public_url, now
        self._name = name
        self._writer = EmailWriter(sender, public_url=public_url, name=name)

    async def show(self, *, address: str, card: Card, receipt: Receipt | None, delivery: str) -> Receipt:
        """Send the email of the card, or once the one that tells the outcome. Raises `ChannelError`."""
        if receipt is not None and not _is_news(card, receipt):
            return receipt
        envelope = Envelope(
            sender=self._sender,
            to=address,
            public_url=self._public_url,
            delivery=delivery,
            date=self._now(),
            name=self._name,
            thread=None if receipt is None else receipt.data["message_id"],
        )
        try:
            sent = await self._sent(card, envelope)
        except MailError as error:
            raise errors.channel_error(error.failure) from error
        if receipt is not None:
            return Receipt({**receipt.data, "closed": sent})
        return Receipt({"message_id": sent, "delivery": delivery} | ({"closed": sent} if card.outcome else {}))

    async def _sent(self, card: Card, envelope: Envelope) -> str:
        """Send the email, or the short one if its content is refused, and return its Message-ID. Raises `MailError`."""
        try:
            whole = await off_loop(lambda: self._writer.write(card, envelope), large=_compares(card))
        except ValueError as error:
            raise MailError(errors.classify(Stage.ADDRESS, error)) from error
        try:
            return await self._send(whole)
        except MailError as error:
            short = message.short_mail(card, envelope)
            if error.failure.meaning is not Meaning.CONTENT or short is None:
                raise
            log.warning("copy %s is sent without its content: %s", envelope.delivery, error)
        return await self._send(transfer_encoding.written(short))

    async def _send(self, mail: WrittenEmail) -> str:
        await self._client.send(mail, answer_seconds=ANSWER_SECONDS)
        return mail.message_id


def _compares(card: Card) -> bool:
    """Return whether the email compares texts that are so large that the event loop must not do it."""
    changed = [field for field in card.values if field.before is not None]
    return sum(len(field.text) + len(field.before or "") for field in changed) > LARGE


def _is_news(card: Card, receipt: Receipt) -> bool:
    """Return whether the card tells the end of a request, or of an alert about a step, for the first time."""
    asks = card.kind is DeliveryKind.REQUEST or card.topic == RunStatus.NEEDS_ATTENTION
    # An approver who learned of trouble also learns how it ended.
    asks = asks or card.topic in TO_APPROVERS
    return asks and card.outcome is not None and "closed" not in receipt.data
