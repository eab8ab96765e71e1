"""Answers to each command (RFC 5321 and its extensions), as strict as those of the strictest servers."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from bot.devtools.sandbox.mail import syntax
from bot.devtools.sandbox.mail.config import MailConfig
from bot.devtools.sandbox.mail.faults import EXTENSIONS
from bot.devtools.sandbox.mail.replies import OK, SmtpRefusal, SmtpReply
from bot.devtools.sandbox.mail.syntax import Command

NAME: Final = "mail.sandbox.example"
_MOST_RECIPIENTS: Final = 100
_RESPONSES: Final = frozenset({"PLAIN", "LOGIN"})

Ask: TypeAlias = Callable[[str], Awaitable[str]]
"""Sends a challenge, in Base64, and returns the response."""


@dataclass
class SmtpEnvelope:
    """Sender and recipients, as given by MAIL and RCPT. `sender` is None before MAIL."""

    sender: str | None = None
    eight_bit: bool = False
    utf8: bool = False
    recipients: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Dialogue:
    """The state of a conversation. Commands return their answer, or raise `SmtpRefusal` with it.

    `lacking`: extensions that the server does without. `exposed`: credentials came unencrypted.
    """

    config: MailConfig
    ask: Ask
    tls: bool = False
    lacking: frozenset[str] = frozenset()
    closed: bool = False
    """Whether the greeting was a refusal."""
    helo: str | None = None
    announced: frozenset[str] = frozenset()
    user: str | None = None
    exposed: bool = False
    envelope: SmtpEnvelope = field(default_factory=SmtpEnvelope)

    async def answer(self, command: Command) -> SmtpReply:
        """Return the answer to a command. Raises `SmtpRefusal`."""
        if self.closed and command.verb != "QUIT":
            raise SmtpRefusal(503, "5.5.1", "No service here")
        if command.verb not in COMMANDS:
            raise SmtpRefusal(500, "5.5.1", "There is no such command")
        return await COMMANDS[command.verb](self, command)

    def start_over(self) -> None:
        """Start over after the handshake: everything before it is forgotten (RFC 3207)."""
        self.tls, self.helo, self.announced, self.user, self.envelope = True, None, frozenset(), None, SmtpEnvelope()

    async def ehlo(self, command: Command) -> SmtpReply:
        """Answer EHLO with the extensions."""
        self._begin(command)
        self.announced = self._offers()
        shown = {"size": f"SIZE {self.config.size}", "auth": f"AUTH {' '.join(sorted(_RESPONSES))}"}
        lines = [shown.get(extension, extension.upper()) for extension in sorted(self.announced)]
        return SmtpReply(250, "\n".join([NAME, *lines]))

    async def helo_(self, command: Command) -> SmtpReply:
        """Answer HELO, without extensions."""
        self._begin(command)
        self.announced = frozenset()
        return SmtpReply(250, NAME)

    def _begin(self, command: Command) -> None:
        if not syntax.is_domain(command.rest):
            raise SmtpRefusal(501, "5.5.4", f"Syntax: {command.verb} your.domain")
        self.helo, self.envelope = command.rest, SmtpEnvelope()

    def _offers(self) -> frozenset[str]:
        unusable = {"starttls"} if self.tls or self.config.security != "starttls" else {"auth"}
        if self.config.user is None:
            unusable.add("auth")
        return EXTENSIONS - self.lacking - unusable

    async def starttls(self, command: Command) -> SmtpReply:
        """Answer STARTTLS. The handshake follows the answer."""
        if "starttls" not in self.announced:
            raise SmtpRefusal(502, "5.5.1", "STARTTLS is not offered here")
        if command.rest:
            raise SmtpRefusal(501, "5.5.4", "STARTTLS takes no parameters")
        return SmtpReply(220, "Go ahead", enhanced="2.0.0")

    async def auth(self, command: Command) -> SmtpReply:
        """Answer AUTH PLAIN or AUTH LOGIN."""
        self._greeted()
        if self.config.security == "starttls" and not self.tls:
            raise SmtpRefusal(538, "5.7.11", "Encryption is required")
        if "auth" not in self.announced:
            raise SmtpRefusal(502, "5.5.1", "AUTH is not offered here")
        if self.user is not None or self.envelope.sender is not None:
            raise SmtpRefusal(503, "5.5.1", "Not now")
        mechanism, _, initial = command.rest.partition(" ")
        if mechanism.upper() not in _RESPONSES:
            raise SmtpRefusal(504, "5.5.4", "There is no such mechanism")
        self.exposed = not self.tls
        user, password = await self._credentials(mechanism.upper(), initial)
        if not self._knows(user, password):
            raise SmtpRefusal(535, "5.7.8", "Authentication credentials invalid")
        self.user = user
        return SmtpReply(235, "Authenticated", enhanced="2.7.0")

    async def _credentials(self, mechanism: str, initial: str) -> tuple[str, str]:
        if mechanism == "PLAIN":
            return syntax.parse_auth_plain(initial or await self.ask(""))
        user = syntax.decode_base64(initial or await self.ask("VXNlcm5hbWU6"))
        return user, syntax.decode_base64(await self.ask("UGFzc3dvcmQ6"))

    def _knows(self, user: str, password: str) -> bool:
        wanted = (self.config.user or "", self.config.password)
        pairs = zip(wanted, (user, password), strict=True)
        return all(hmac.compare_digest(right.encode(), other.encode()) for right, other in pairs)

    def _greeted(self) -> None:
        if self.helo is None:
            raise SmtpRefusal(503, "5.5.1", "Say EHLO first")

    async def mail(self, command: Command) -> SmtpReply:
        """Answer MAIL FROM."""
        self._greeted()
        if self.config.security == "starttls" and not self.tls:
            raise SmtpRefusal(530, "5.7.0", "Must issue a STARTTLS command first")
        if self.config.user is not None and self.user is None:
            raise SmtpRefusal(530, "5.7.0", "Authentication required")
        if self.envelope.sender is not None:
            raise SmtpRefusal(503, "5.5.1", "There is a sender already")
        path = syntax.parse_path(command.rest, "FROM")
        envelope = SmtpEnvelope(sender=path.address)
        for name, value in path.parameters.items():
            self._parameter(envelope, name, value)
        self._ascii(path.address, utf8=envelope.utf8)
        self.envelope = envelope
        return SmtpReply(250, "Sender accepted", enhanced="2.1.0")

    def _parameter(self, envelope: SmtpEnvelope, name: str, value: str | None) -> None:
        offered = self.announced
        if name == "SIZE" and "size" in offered and value is not None and value.isdecimal():
            if int(value) > self.config.size:
                raise SmtpRefusal(552, "5.3.4", f"Message too big: at most {self.config.size} bytes")
        elif name == "BODY" and "8bitmime" in offered and value is not None and value.upper() in ("7BIT", "8BITMIME"):
            envelope.eight_bit = value.upper() == "8BITMIME"
        elif name == "SMTPUTF8" and "smtputf8" in offered and value is None:
            envelope.utf8 = True
        elif name == "AUTH" and "auth" in offered and value:
            return
        else:
            raise SmtpRefusal(555, "5.5.4", f"The parameter {name} is not understood, or its value is not")

    def _ascii(self, address: str, *, utf8: bool) -> None:
        if not utf8 and not address.isascii():
            raise SmtpRefusal(553, "5.6.7", "The address is not ASCII, and SMTPUTF8 was not said")

    async def rcpt(self, command: Command) -> SmtpReply:
        """Answer RCPT TO."""
        if self.envelope.sender is None:
            raise SmtpRefusal(503, "5.5.1", "Say MAIL first")
        path = syntax.parse_path(command.rest, "TO")
        if path.parameters:
            raise SmtpRefusal(555, "5.5.4", f"The parameter {next(iter(path.parameters))} is not understood")
        if not path.address:
            raise SmtpRefusal(501, "5.1.3", "There is no recipient")
        self._ascii(path.address, utf8=self.envelope.utf8)
        if len(self.envelope.recipients) >= _MOST_RECIPIENTS:
            raise SmtpRefusal(452, "4.5.3", "Too many recipients")
        self.envelope.recipients.append(path.address)
        return SmtpReply(250, "Recipient accepted", enhanced="2.1.5")

    async def data(self, command: Command) -> SmtpReply:
        """Answer DATA. The content follows the answer."""
        if command.rest:
            raise SmtpRefusal(501, "5.5.4", "DATA takes no parameters")
        if not self.envelope.recipients:
            raise SmtpRefusal(503, "5.5.1", "There is no recipient")
        return SmtpReply(354, "End it with a dot on a line of its own")

    async def rset(self, command: Command) -> SmtpReply:
        """Answer RSET, which drops the envelope."""
        if command.rest:
            raise SmtpRefusal(501, "5.5.4", "RSET takes no parameters")
        self.envelope = SmtpEnvelope()
        return OK

    async def noop(self, command: Command) -> SmtpReply:  # noqa: ARG002 commands are called alike
        """Answer NOOP."""
        return OK

    async def vrfy(self, command: Command) -> SmtpReply:
        """Answer VRFY without telling whether the address is known."""
        if not command.rest:
            raise SmtpRefusal(501, "5.5.4", "Syntax: VRFY address")
        return SmtpReply(252, "Send some mail, and see", enhanced="2.1.5")

    async def quit(self, command: Command) -> SmtpReply:  # noqa: ARG002
        """Answer QUIT."""
        return SmtpReply(221, "Goodbye", enhanced="2.0.0")


Run: TypeAlias = Callable[[Dialogue, Command], Awaitable[SmtpReply]]
COMMANDS: Final[dict[str, Run]] = {
    "EHLO": Dialogue.ehlo,
    "HELO": Dialogue.helo_,
    "STARTTLS": Dialogue.starttls,
    "AUTH": Dialogue.auth,
    "MAIL": Dialogue.mail,
    "RCPT": Dialogue.rcpt,
    "DATA": Dialogue.data,
    "RSET": Dialogue.rset,
    "NOOP": Dialogue.noop,
    "VRFY": Dialogue.vrfy,
    "QUIT": Dialogue.quit,
}
