"""Handing mails in: a few connections to the mail server, kept warm, and each mail step by step.

Where a mail fails decides what it means, so nothing here leaves that to an exception's class: `_Attempt.stage` says it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Final

import aiosmtplib
from aiosmtplib.protocol import PERIOD_REGEX, normalize_message_line_endings

from bot.email import transfer_encoding
from bot.email.errors import MailError, Stage, classify
from bot.endpoints import MailServerAddress

BEFORE_DOT_SECONDS: Final = 12.0
"""For connection, login and all that comes before the final dot; one that takes longer is tried again later."""
CONNECTIONS: Final = 3
"""At once: what a mailbox of Microsoft 365 may have.
https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements"""
IDLE_SECONDS: Final = 20.0
"""How long a connection is kept without a mail. Servers may hang up after five minutes, and many do much earlier."""
_METHODS: Final = ("plain", "login", "cram-md5")
"""Everything is inside of TLS, so the plainest is the best: it hangs on nothing that a server may do in its own way."""
_NOT_THIS_METHOD: Final = frozenset({502, 504})
_SIGN_NOTHING: Final[Callable[[bytes], bytes]] = bytes


class MailGate:
    """The way to one mail server. `trust`: a context that verifies. `sign`: makes the final bytes, as DKIM does.

    `local_name`: what we call ourselves at EHLO. Close it in the end.
    """

    def __init__(
        self,
        server: MailServerAddress,
        *,
        trust: ssl.SSLContext | None = None,
        local_name: str,
        sign: Callable[[bytes], bytes] = _SIGN_NOTHING,
        before_dot_seconds: float = BEFORE_DOT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._server, self._local_name, self._sign = server, local_name, sign
        self._trust = trust if server.security != "none" else None
        self._before_dot, self._idle_seconds = before_dot_seconds, idle_seconds
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._warm: list[_Warm] = []
        self._closed = False

    async def send(self, mail: EmailMessage, *, answer_seconds: float) -> None:
        """Hand it in. `answer_seconds`: how long to wait for the answer to the final dot. Raises only `MailError`."""
        attempt = _Attempt()
        try:
            content = self._sign(mail.as_bytes())
            # A server on the way that takes seven bits alone would change what is signed: RFC 6376, 5.3.
            raw = transfer_encoding.in_eight_bits(mail) if self._sign is _SIGN_NOTHING else None
            sender, to = str(mail["From"].addresses[0].addr_spec), str(mail["To"].addresses[0].addr_spec)
            async with (
                asyncio.timeout(self._before_dot) as limit,
                self._free,
                self._connection(attempt) as client,
            ):
                takes_raw = raw is not None and client.supports_extension("8bitmime")
                await attempt.envelope(client, sender, to, options=["BODY=8BITMIME"] if takes_raw else [])
                await attempt.body(client, raw if raw is not None and takes_raw else content)
                limit.reschedule(asyncio.get_running_loop().time() + answer_seconds)
                await attempt.dot(client, answer_seconds)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise MailError(classify(attempt.stage, error)) from error

    async def check(self) -> None:
        """Connect, log in, and hang up. Raises only `MailError`."""
        attempt = _Attempt()
        try:
            async with asyncio.timeout(self._before_dot), self._connection(attempt):
                pass
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailError(classify(attempt.stage, error)) from error

    async def aclose(self) -> None:
        """Hang up wherever nothing is under way."""
        self._closed = True
        for warm in self._warm:
            warm.hang_up()
        self._warm.clear()

    @asynccontextmanager
    async def _connection(self, attempt: _Attempt) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection that is logged in and in no mail.

        One on which anything went wrong is not used again: after a cancelled command the next would read its answer.
        """
        client = await self._reused() or await attempt.connected(self._client(), self._server)
        try:
            yield client
        except BaseException:
            client.close()
            raise
        if client.is_connected and not self._closed:
            self._warm.append(_Warm(client, self._idle_seconds, self._warm))

    async def _reused(self) -> aiosmtplib.SMTP | None:
        """One that is still there, as the server says. Nothing of a mail was sent, so it may fail silently."""
        while self._warm:
            client = self._warm.pop().taken()
            try:
                await client.rset()
            except (aiosmtplib.SMTPException, OSError):
                client.close()
            except BaseException:
                client.close()
                raise
            else:
                return client
        return None

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            use_tls=self._server.security == "tls",
            start_tls=False,  # it is a step of its own
            tls_context=self._trust,
            local_hostname=self._local_name,
            timeout=self._before_dot,
        )


class _Warm:
    """A connection that waits for its next mail, and is closed if none comes."""

    def __init__(self, client: aiosmtplib.SMTP, seconds: float, among: list[_Warm]) -> None:
        self._client, self._among = client, among
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def taken(self) -> aiosmtplib.SMTP:
        self._timer.cancel()
        return self._client

    def _expire(self) -> None:
        self._among.remove(self)
        self.hang_up()

    def hang_up(self) -> None:
        """Say so, and do not wait for an answer."""
        self._timer.cancel()
        protocol = self._client.protocol
        if protocol is not None and protocol.is_connected:
            protocol.write(b"QUIT\r\n")
        self._client.close()


class _Attempt:
    """One mail on its way. `stage`: how far it has come."""

    def __init__(self) -> None:
        self.stage = Stage.ADDRESS

    async def connected(self, client: aiosmtplib.SMTP, server: MailServerAddress) -> aiosmtplib.SMTP:
        try:
            self.stage = Stage.CONNECT
            await client.connect()
            self.stage = Stage.EHLO
            await client.ehlo()
            if server.security == "starttls":
                self.stage = Stage.STARTTLS
                await client.starttls()
                self.stage = Stage.EHLO
                await client.ehlo()
            if server.user is not None and server.password is not None:
                self.stage = Stage.AUTH
                await _log_in(client, server.user, server.password)
        except BaseException:
            client.close()
            raise
        return client

    async def envelope(self, client: aiosmtplib.SMTP, sender: str, to: str, *, options: list[str]) -> None:
        self.stage = Stage.MAIL
        await client.mail(sender, options=options)
        self.stage = Stage.RCPT
        # An address with letters of all the world asks for SMTPUTF8, which we do not speak: UnicodeError, a ValueError.
        await client.rcpt(to)

    async def body(self, client: aiosmtplib.SMTP, content: bytes) -> None:
        """All but the final dot, until the system has taken all of it: what fails so far did not happen."""
        self.stage = Stage.DATA
        answer = await client.execute_command(b"DATA")
        if answer.code != aiosmtplib.SMTPStatus.start_input:
            raise aiosmtplib.SMTPDataError(answer.code, answer.message)
        transport, protocol = client.transport, client.protocol
        if protocol is None or not isinstance(transport, asyncio.WriteTransport):
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        transport.set_write_buffer_limits(high=0)
        protocol.write(PERIOD_REGEX.sub(b"..", normalize_message_line_endings(content)))
        # What StreamWriter.drain() calls; a StreamWriter of our own would close the connection when it is collected.
        await protocol._drain_helper()  # noqa: SLF001
        if not client.is_connected:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")

    async def dot(self, client: aiosmtplib.SMTP, seconds: float) -> None:
        """The final dot, and what the server says to it."""
        protocol = client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self.stage = Stage.ANSWER
        protocol.write(b".\r\n")
        answer = await protocol.read_response(timeout=seconds)
        if not 200 <= answer.code < 300:
            raise aiosmtplib.SMTPDataError(answer.code, answer.message)


async def _log_in(client: aiosmtplib.SMTP, user: str, password: str) -> None:
    """By the first method that the server really knows: some offer what they do not support."""
    refused: aiosmtplib.SMTPException | None = None
    methods = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    for name in _METHODS:
        if name in client.server_auth_methods:
            try:
                await methods[name](user, password)
            except aiosmtplib.SMTPAuthenticationError as error:
                if error.code not in _NOT_THIS_METHOD:
                    raise
                refused = error
            else:
                return
    raise refused or aiosmtplib.SMTPException("it offers no way to log in that we know")
