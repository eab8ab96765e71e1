"""Records of the email side: received emails, and people who have an address but no Slack account."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.devtools.sandbox.mail import message_parser
from bot.devtools.sandbox.mail.message_parser import ParsedMessage


@dataclass(kw_only=True)
class Outsider:
    """A person with an email address and no Slack account."""

    name: str
    real_name: str
    email: str
    tz: str = "Europe/Berlin"


@dataclass(kw_only=True)
class ReceivedMail:
    """An email that the mail server accepted.

    `received_at`: seconds since 1970 by the sandbox's clock. `sender` and `recipients`: the envelope; a sender of ""
    is the null reverse-path of bounces. `raw`: as it was sent, lines ending in CRLF. `complaints`: sentences about
    violations that a stricter server would refuse. `tls`: the connection was encrypted. `user`: the authenticated user.
    """

    id: str
    received_at: float
    helo: str
    sender: str
    recipients: list[str]
    raw: bytes = field(repr=False)
    complaints: list[str]
    tls: bool = False
    user: str | None = None

    @property
    def parsed(self) -> ParsedMessage:
        """Return the contents, as far as they can be read."""
        return message_parser.parse(self.raw)

    @property
    def subject(self) -> str:
        """Return the decoded subject, or ""."""
        return self.parsed.header("subject")

    @property
    def text(self) -> str | None:
        """Return the first text part with line ends of one character, or None."""
        return self.parsed.text

    @property
    def html(self) -> str | None:
        """Return the first HTML part, or None."""
        return self.parsed.html

    def header(self, name: str) -> str:
        """Return the first header of this name, decoded, or ""."""
        return self.parsed.header(name)

    def is_for(self, address: str) -> bool:
        """Return whether the envelope names this address, in upper or lower case."""
        return address.lower() in (recipient.lower() for recipient in self.recipients)
