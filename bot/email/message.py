"""Mails, pure: a card and its envelope make an `EmailMessage` with a text and an HTML part that say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from bot import endpoints
from bot.email import templates, transfer_encoding, view
from bot.email.view import EmailContent
from engine.domain import Card, DeliveryKind

Key = TypeVar("Key")
T = TypeVar("T")
_KNOWN: Final = 512
_PLACE: Final = "\0"
BOUNDARY: Final = "=_signoff"
"""At the beginning of no line of ours: every line of data in the text is set off, and one of HTML begins with a tag."""


class _Headers(HeaderRegistry):
    """Most headers of a mail are those of the one before, and parsing them takes longer than all else."""

    def __init__(self) -> None:
        super().__init__()
        self._parsed: dict[tuple[str, str], Any] = {}
        self._classes: dict[str, Any] = {}

    def __call__(self, name: str, value: Any) -> Any:
        return _remembered(self._parsed, (name, str(value)), lambda: super(_Headers, self).__call__(name, value))

    def __getitem__(self, name: str) -> Any:
        return _remembered(self._classes, name, lambda: super(_Headers, self).__getitem__(name))


class _Policy(EmailPolicy):
    """So is how they are written."""

    _folded: ClassVar[dict[tuple[str, str], bytes]] = {}

    def fold_binary(self, name: str, value: Any) -> bytes:
        return _remembered(self._folded, (name, str(value)), lambda: super(_Policy, self).fold_binary(name, value))


def _remembered(known: dict[Key, T], key: Key, make: Callable[[], T]) -> T:
    found = known.get(key)
    if found is None:
        if len(known) >= _KNOWN:
            known.clear()
        found = known[key] = make()
    return found


POLICY: Final = _Policy(linesep="\r\n", cte_type="7bit", header_factory=_Headers())
"""7bit, unless `transfer_encoding` says otherwise: no server on the way changes a signed body then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Whom a mail is from and to. `thread`: the Message-ID that it answers. `date`: when it is written."""

    sender: Address
    to: str
    public_url: str
    delivery: str
    date: datetime
    thread: str | None = None


def mail(card: Card, envelope: Envelope) -> EmailMessage:
    """The mail of a card. Raises `ValueError` for an address that is none."""
    if card.token is None:
        return _mail(_written(view.shown(card, public_url=envelope.public_url)), card, envelope)
    # Copies of a request differ in their link alone, so they are written once, with what no text of ours can hold in
    # its place: all that comes from data has its control characters marked.
    written = _once(replace(card, token=_PLACE), envelope.public_url)
    subject, *bodies = written
    return _mail(_Written(subject, *(one.replace(_PLACE, card.token) for one in bodies)), card, envelope)


def short_mail(card: Card, envelope: Envelope) -> EmailMessage | None:
    """The mail for a server that refused the whole one. None: the card has nothing that could be left in it."""
    shown = view.short(card, public_url=envelope.public_url)
    return None if shown is None else _mail(_written(shown), card, envelope)


class _Written(NamedTuple):
    subject: str
    text: str
    html: str


def _written(shown: EmailContent) -> _Written:
    return _Written(shown.subject, _render("mail.txt", shown), _render("mail.html", shown))


@lru_cache(32)
def _once(card: Card, public_url: str) -> _Written:
    return _written(view.shown(card, public_url=public_url))


def _mail(written: _Written, card: Card, envelope: Envelope) -> EmailMessage:
    made = headed(envelope.sender, envelope.to, subject=written.subject, date=envelope.date)
    made["Message-ID"] = message_id(card, envelope)
    thread = envelope.thread or _thread(card, envelope)
    if thread is not None:
        made["In-Reply-To"] = made["References"] = thread
    # `All` would keep bounces from us too: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail
    made["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"
    made["MIME-Version"] = "1.0"
    made["Content-Type"] = f'multipart/alternative; boundary="{BOUNDARY}"'
    made.set_payload([_part("plain", written.text), _part("html", written.html)])
    return made


def _part(subtype: str, text: str) -> EmailMessage:
    part = EmailMessage(policy=POLICY)
    transfer_encoding.set_text(part, text, subtype=subtype)
    return part


def headed(sender: Address, to: str, *, subject: str, date: datetime) -> EmailMessage:
    """A mail by a program (RFC 3834) to one person, without content yet. Raises `ValueError` for what is no address."""
    made = EmailMessage(policy=POLICY)
    made["From"] = sender
    made["To"] = endpoints.mailbox(to)
    # It would be read as an encoded word, and show another text.
    made["Subject"] = subject.replace("=?", "= ?")
    made["Date"] = format_datetime(date)
    made["Auto-Submitted"] = "auto-generated"
    return made


def _render(template: str, shown: EmailContent) -> str:
    return templates.environment().get_template(template).render(mail=shown)


# -- threads ------------------------------------------------------------------------------------------------


def message_id(card: Card, envelope: Envelope) -> str:
    """The same for every attempt to send this mail: a mailbox that has it already may know it again."""
    if card.kind in view.ASKING and card.state is not None:
        return _id(envelope, "closed", envelope.delivery)
    return _first(card, envelope) if card.kind is DeliveryKind.REQUEST else _own(card, envelope)


def _thread(card: Card, envelope: Envelope) -> str | None:
    """The first mail about the request, or about the step, to this address, whether or not it was ever sent."""
    if card.about is not None:
        return _first(card, envelope)
    if card.kind is DeliveryKind.ALERT and card.state is not None:
        return _own(card, envelope)
    follows = card.kind is DeliveryKind.REMINDER or (card.kind is DeliveryKind.REQUEST and card.state is not None)
    return _first(card, envelope) if follows else None


def _own(card: Card, envelope: Envelope) -> str:
    return _id(envelope, card.kind.value, envelope.delivery)


def _first(card: Card, envelope: Envelope) -> str:
    return _id(envelope, "request", card.request or envelope.delivery)


def _id(envelope: Envelope, *parts: str) -> str:
    return id_for(envelope.sender, *parts, envelope.to.lower())


def id_for(sender: Address, *parts: str) -> str:
    """A Message-ID that only these parts make."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"<signoff.{digest[:32]}@{sender.domain}>"
