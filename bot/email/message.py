"""Emails, pure: makes an `EmailMessage` of a card, with a text part and an HTML part that say the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Final

from bot import setting_values
from bot.email import templates, transfer_encoding, view
from bot.email.view import EmailContent
from engine.domain import Card, DeliveryKind

BOUNDARY: Final = "=_signoff"
"""No line of an email begins with it: data is indented in the text, and lines of the HTML begin with a tag."""


_LINE: Final = 78
"""Maximum length of a line of the headers, in characters: longer ones are folded."""
POLICY: Final = EmailPolicy(linesep="\r\n", cte_type="7bit", max_line_length=_LINE)
"""7bit, unless `transfer_encoding` writes eight bits: a server on the way never changes a signed body then."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9@<>.,:+_-]+(?: [A-Za-z0-9@<>.,:+_-]+)*")
"""Values of headers that Python's `email` package writes as they are, if they fit into one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Sender and recipient of an email. `name`: who runs this Signoff. `thread`: the Message-ID that it replies to.

    `delivery`: the id of the copy.
    """

    sender: Address
    to: str
    public_url: str
    delivery: str
    date: datetime
    name: str = ""
    thread: str | None = None


def mail(card: Card, envelope: Envelope) -> EmailMessage:
    """Return the mail of a card. Raises `ValueError` for an address that is not valid."""
    shown = view.shown(dated(card, envelope), public_url=envelope.public_url, name=envelope.name)
    return _message(shown, card, envelope)


def short_mail(card: Card, envelope: Envelope) -> EmailMessage | None:
    """Return the mail for a server that refused the whole one, or None if there is no link to put into it."""
    shown = view.short(dated(card, envelope), public_url=envelope.public_url, name=envelope.name)
    return None if shown is None else _message(shown, card, envelope)


def dated(card: Card, envelope: Envelope) -> Card:
    """Return the card with the date when the request expires, also where its clock waits for this email to be sent.

    An email cannot be edited once the clock runs. Its own date is at most a moment earlier than the start of the clock.
    Working hours are those of people that this module does not know: they stay a duration.
    The date is to the minute, as people read it: then emails that leave together say the same.
    """
    if card.expires_after is None or card.in_working_hours:
        return card
    expires_at = (envelope.date + card.expires_after).replace(second=0, microsecond=0)
    return replace(card, expires_at=expires_at, expires_after=None)


def _message(shown: EmailContent, card: Card, envelope: Envelope) -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    for name, value in _own_headers(card, envelope):
        message[name] = value
    _add_shared(message, shown, envelope.sender)
    return message


# -- what copies share, and what each has of its own --------------------------------------------------------


def shared(card: Card, *, sender: Address, public_url: str, name: str) -> EmailMessage:
    """Return all of an email except the headers that come first in it, which each copy has of its own."""
    message = EmailMessage(policy=POLICY)
    _add_shared(message, view.shown(card, public_url=public_url, name=name), sender)
    return message


def head(card: Card, envelope: Envelope) -> bytes:
    """Return the headers that a copy has of its own. Raises `ValueError` for an address that is not valid."""
    return b"".join(_line(name, value) for name, value in _own_headers(card, envelope))


def _line(name: str, value: str | Address) -> bytes:
    """Return a header as Python's `email` package writes it, which takes it 0.1 ms: docs/benchmarks.md."""
    line = f"{name}: {value}"
    if _PLAIN.fullmatch(str(value)) and len(line) <= _LINE:
        return f"{line}\r\n".encode()
    return POLICY.fold_binary(*POLICY.header_store_parse(name, value))


def _own_headers(card: Card, envelope: Envelope) -> Iterator[tuple[str, str | Address]]:
    yield "To", setting_values.ascii_mailbox(envelope.to)
    yield "Date", format_datetime(envelope.date)
    yield "Message-ID", message_id(card, envelope)
    thread = _thread(card, envelope)
    if thread:
        yield "In-Reply-To", thread[-1]
        yield "References", " ".join(thread)


def _add_shared(message: EmailMessage, shown: EmailContent, sender: Address) -> None:
    _add_automatic(message, sender, shown.subject)
    # `All` would keep bounces from us too: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = f'multipart/alternative; boundary="{BOUNDARY}"'
    message.set_payload([_part("plain", _render("mail.txt", shown)), _part("html", _render("mail.html", shown))])


def _part(subtype: str, text: str) -> EmailMessage:
    part = EmailMessage(policy=POLICY)
    transfer_encoding.set_text(part, text, subtype=subtype)
    return part


def headed(sender: Address, to: str, *, subject: str, date: datetime) -> EmailMessage:
    """Return an automatic mail (RFC 3834) to one person, still without content.

    Raises `ValueError` for an address that is not valid.
    """
    message = EmailMessage(policy=POLICY)
    message["To"], message["Date"] = setting_values.ascii_mailbox(to), format_datetime(date)
    _add_automatic(message, sender, subject)
    return message


def _add_automatic(message: EmailMessage, sender: Address, subject: str) -> None:
    message["From"] = sender
    # "=?" would be read as an encoded word, and mail programs would show another text.
    message["Subject"] = subject.replace("=?", "= ?")
    message["Auto-Submitted"] = "auto-generated"


def _render(template: str, shown: EmailContent) -> str:
    return templates.environment().get_template(template).render(mail=shown)


# -- threads ------------------------------------------------------------------------------------------------


def message_id(card: Card, envelope: Envelope) -> str:
    """Return the Message-ID, the same for every attempt to send the email: mailboxes may drop a second one."""
    if card.kind in (DeliveryKind.REQUEST, DeliveryKind.ALERT) and card.outcome is not None:
        return _id(envelope, "closed", envelope.delivery)
    return _first(card, envelope) if card.kind is DeliveryKind.REQUEST else _own(card, envelope)


def _thread(card: Card, envelope: Envelope) -> tuple[str, ...]:
    """Return the Message-IDs that an email follows, the nearest last, even if some of these emails were never sent.

    Emails about a request follow the request to this address. Alerts and outcomes also follow one common id of their
    run, so that all of them to this address are one thread. A request starts a thread, and so does a reminder of
    several; a code stands alone.
    """
    if card.kind is DeliveryKind.CODE or (card.kind is DeliveryKind.REQUEST and card.outcome is None):
        return ()
    if card.reminds:
        return ()
    if card.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER):
        return (envelope.thread or _first(card, envelope),)
    run = [_id(envelope, "run", card.run)] if card.run else []
    request = [_first(card, envelope)] if card.request else []
    own = [envelope.thread or _own(card, envelope)] if card.outcome is not None else []
    return (*run, *request, *own)


def _own(card: Card, envelope: Envelope) -> str:
    return _id(envelope, card.kind.value, envelope.delivery)


def _first(card: Card, envelope: Envelope) -> str:
    return _id(envelope, "request", card.request or envelope.delivery)


def _id(envelope: Envelope, *parts: str) -> str:
    return id_for(envelope.sender, *parts, envelope.to.lower())


def id_for(sender: Address, *parts: str) -> str:
    """Return a Message-ID that is unique to these parts."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"<signoff.{digest[:32]}@{sender.domain}>"
