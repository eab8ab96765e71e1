"""Writes emails, pure. What the copies of one request have in common is written once.

Copies differ in the headers that come first, and in the token of their link. What is kept has a placeholder where the
token stands: no token or code is ever kept, so none can get into the email of another person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.headerregistry import Address
from functools import lru_cache
from typing import Final

from bot import setting_values
from bot.email import message, transfer_encoding
from bot.email.email_kinds import kind_of
from bot.email.message import Envelope
from bot.email.transfer_encoding import WrittenEmail
from engine.domain import Card

KEPT: Final = 16
"""Maximum number of contents that are kept: more than there are requests whose copies are sent at once."""
PLACEHOLDER: Final = "placeholder-for-the-token_of_a_link_in_mail"
"""Has the length and the alphabet of a token, so that the lines of an email break at the same places."""
_TOKEN: Final = re.compile(rf"[A-Za-z0-9_-]{{{len(PLACEHOLDER)}}}")
_SOFT_BREAK: Final = b"=\r\n"
_SLOT: Final = re.compile(b"(?:=\r\n)?".join(letter.encode() for letter in PLACEHOLDER))
"""The placeholder, also where quoted-printable cuts it."""
_LINKS: Final = 3
"""How often an email has its link: in the text, on the button and below it."""


@dataclass(frozen=True, slots=True)
class _Content:
    """The bytes of an email after its own headers. `slots`: the placeholders in it, as they are cut."""

    data: bytes
    slots: tuple[bytes, ...]

    def filled(self, token: str) -> bytes:
        """Return the content with the token in its slots."""
        data = self.data
        for slot in self.slots:
            before, soft_break, _ = slot.partition(_SOFT_BREAK)
            data = data.replace(slot, token[: len(before)].encode() + soft_break + token[len(before) :].encode())
        return data


@dataclass(frozen=True, slots=True)
class _Shared:
    """What copies share, in seven bits, and in eight bits if that is not the same."""

    seven_bits: _Content
    eight_bits: _Content | None


class EmailWriter:
    """Writes the emails of one sender. `name`: who runs this Signoff."""

    def __init__(self, sender: Address, *, public_url: str, name: str) -> None:
        self._sender, self._public_url, self._name = sender, public_url, name
        self._shared = lru_cache(maxsize=KEPT)(self._write_shared)

    def write(self, card: Card, envelope: Envelope) -> WrittenEmail:
        """Return `message.mail` in bytes. Raises `ValueError` for an address that is not valid."""
        shared = self._find_shared(message.dated(card, envelope))
        if shared is None:
            return transfer_encoding.written(message.mail(card, envelope))
        head, token = message.head(card, envelope), card.token or ""
        return WrittenEmail(
            sender=self._sender.addr_spec,
            to=setting_values.ascii_mailbox(envelope.to).addr_spec,
            message_id=message.message_id(card, envelope),
            seven_bits=head + shared.seven_bits.filled(token),
            eight_bits=None if shared.eight_bits is None else head + shared.eight_bits.filled(token),
        )

    def _find_shared(self, card: Card) -> _Shared | None:
        """Return what the email shares with other copies, or None if nothing of it may be kept."""
        # Emails are in a thread by their headers. A receipt cannot be a key, and is of one copy.
        card = replace(card, below=None)
        if card.token is None and card.code is None:
            return self._shared(card)
        if card.token is None or card.code is not None or not _TOKEN.fullmatch(card.token):
            return None
        return self._shared(replace(card, token=PLACEHOLDER))

    def _write_shared(self, card: Card) -> _Shared | None:
        """Return the content with the placeholder in its links, or None if it is anywhere else too."""
        mail = message.shared(card, sender=self._sender, public_url=self._public_url, name=self._name)
        written = [data for data in (mail.as_bytes(), transfer_encoding.in_eight_bits(mail)) if data is not None]
        contents = [_Content(data, tuple(_SLOT.findall(data))) for data in written]
        links = _LINKS if card.token is not None and kind_of(card).has_link else 0
        if any(len(content.slots) != links for content in contents):
            return None
        return _Shared(contents[0], contents[1] if len(contents) > 1 else None)
