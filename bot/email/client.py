"""SMTP client: hands emails to the mail server over a few connections that are kept open, command by command.

Where an email fails decides what that means. The class of an exception does not tell, so `_Attempt.stage` records it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiosmtplib

from bot.email.errors import MailError, Stage, classify
from bot.email.transfer_encoding import WrittenEmail
from bot.setting_values import MailServerAddress

BEFORE_DOT_SECONDS: Final = 12.0
"""Maximum time for the connection, the login and everything else before the final dot, in seconds. An email that takes
longer is tried again later."""
BYTES_A_SECOND: Final = 100_000
"""How fast an email is sent at the slowest, in bytes a second: an email with files gets so much more time."""
CONNECTIONS: Final = 3
"""Maximum number of connections at once: what Microsoft 365 allows a mailbox.
https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements"""
IDLE_SECONDS: Final = 20.0
"""How long an unused connection is kept, in seconds. Many servers hang up long before the five minutes of RFC 5321."""
_METHODS: Final = ("plain", "login", "cram-md5")
"""Login methods, the preferred one first. Everything is inside of TLS, so the plainest is the most reliable one."""
_METHOD_NOT_SUPPORTED: Final = frozenset({502, 504})
_FLUSH_CHECK_SECONDS: Final = 0.01
"""Interval of looking whether the system has taken all bytes of a large email, in seconds."""
_LEADING_DOT: Final = re.compile(rb"(?m)^\.")


class SmtpClient:
    """Sends emails through one mail server. Close it with `aclose`.

    `trust`: an SSL context that verifies the server. `local_name`: our name in EHLO. `sign`: turns the final bytes into
    signed ones, as DKIM does.
    """

    def __init__(
        self,
        server: MailServerAddress,
        *,
        trust: ssl.SSLContext | None = None,
        local_name: str,
        sign: Callable[[bytes], bytes] | None = None,
        before_dot_seconds: float = BEFORE_DOT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        bytes_a_second: float = BYTES_A_SECOND,
    ) -> None:
        self._server, self._local_name, self._sign = server, local_name, sign
        self._trust = trust if server.security != "none" else None
        self._before_dot, self._idle_seconds = before_dot_seconds, idle_seconds
        self._bytes_a_second = bytes_a_second
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[_IdleConnection] = []
        self._closed = False

    async def send(self, mail: WrittenEmail, *, answer_seconds: float) -> None:
        """Send the email. Raises only `MailError`.

        `answer_seconds`: how long to wait for the answer to the final dot.
        """
        attempt = _Attempt()
        try:
            async with (
                asyncio.timeout(self._before_dot + len(mail.seven_bits) / self._bytes_a_second) as limit,
                self._slots,
                self._connection(attempt) as connection,
            ):
                data, options = self._content(mail, connection)
                await attempt.envelope(connection, mail.sender, mail.to, options=options)
                await attempt.body(connection, data)
                limit.reschedule(asyncio.get_running_loop().time() + answer_seconds)
                await attempt.dot(connection, answer_seconds)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise MailError(classify(attempt.stage, error)) from error

    def _content(self, mail: WrittenEmail, connection: aiosmtplib.SMTP) -> tuple[bytes, list[str]]:
        """Return the bytes for this server, and the parameters of MAIL that go with them."""
        if self._sign is not None:
            # A server that takes only seven bits would change eight-bit content on the way, and break the signature
            # (RFC 6376, 5.3).
            return self._sign(mail.seven_bits), []
        if mail.eight_bits is not None and connection.supports_extension("8bitmime"):
            return mail.eight_bits, ["BODY=8BITMIME"]
        return mail.seven_bits, []

    async def check(self) -> None:
        """Connect, log in and hang up. Raises only `MailError`."""
        attempt = _Attempt()
        try:
            async with asyncio.timeout(self._before_dot), self._connection(attempt):
                pass
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailError(classify(attempt.stage, error)) from error

    async def aclose(self) -> None:
        """Close the connections that are idle now, and the others as soon as their email is sent."""
        self._closed = True
        for idle in self._idle:
            idle.hang_up()
        self._idle.clear()

    @asynccontextmanager
    async def _connection(self, attempt: _Attempt) -> AsyncIterator[aiosmtplib.SMTP]:
        """Open or reuse a connection that is logged in and has no email under way.

        A connection on which anything failed is never used again: after a cancelled command, the next command would
        read the answer to the cancelled one.
        """
        connection = await self._reused() or await attempt.connect(self._new_connection(), self._server)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if connection.is_connected and not self._closed:
            self._idle.append(_IdleConnection(connection, self._idle_seconds, self._idle))

    async def _reused(self) -> aiosmtplib.SMTP | None:
        """Return an idle connection that the server still answers on, or None.

        Nothing of an email was sent yet, so a connection that fails here is dropped without an error.
        """
        while self._idle:
            connection = self._idle.pop().take()
            try:
                await connection.rset()
            except (aiosmtplib.SMTPException, OSError):
                connection.close()
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        return None

    def _new_connection(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            use_tls=self._server.security == "tls",
            start_tls=False,  # STARTTLS is a stage of its own
            tls_context=self._trust,
            local_hostname=self._local_name,
            timeout=self._before_dot,
        )


class _IdleConnection:
    """A connection that waits for the next email, and is closed if none comes in time."""

    def __init__(self, connection: aiosmtplib.SMTP, seconds: float, pool: list[_IdleConnection]) -> None:
        self._connection, self._pool = connection, pool
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def take(self) -> aiosmtplib.SMTP:
        """Stop the timer and return the connection."""
        self._timer.cancel()
        return self._connection

    def _expire(self) -> None:
        self._pool.remove(self)
        self.hang_up()

    def hang_up(self) -> None:
        """Say QUIT and close the connection without waiting for an answer."""
        self._timer.cancel()
        protocol = self._connection.protocol
        if protocol is not None and protocol.is_connected:
            protocol.write(b"QUIT\r\n")
        self._connection.close()


class _Attempt:
    """One attempt to send an email. `stage`: how far it has come."""

    def __init__(self) -> None:
        self.stage = Stage.ADDRESS

    async def connect(self, connection: aiosmtplib.SMTP, server: MailServerAddress) -> aiosmtplib.SMTP:
        """Open the connection, encrypt it and log in as the server needs it. Closes it on failure."""
        try:
            self.stage = Stage.CONNECT
            await connection.connect()
            self.stage = Stage.EHLO
            await connection.ehlo()
            if server.security == "starttls":
                self.stage = Stage.STARTTLS
                await connection.starttls()
                self.stage = Stage.EHLO
                await connection.ehlo()
            if server.user is not None and server.password is not None:
                self.stage = Stage.AUTH
                await _log_in(connection, server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    async def envelope(self, connection: aiosmtplib.SMTP, sender: str, to: str, *, options: list[str]) -> None:
        """Send MAIL and RCPT."""
        self.stage = Stage.MAIL
        await connection.mail(sender, options=options)
        self.stage = Stage.RCPT
        # An address with letters beyond ASCII needs SMTPUTF8, which we do not use: aiosmtplib raises UnicodeError, a
        # ValueError.
        await connection.rcpt(to)

    async def body(self, connection: aiosmtplib.SMTP, data: bytes) -> None:
        """Send DATA and everything up to the final dot, and wait until the system has taken all of it.

        The server delivers nothing before the final dot, so whatever fails until then did not happen.
        """
        self.stage = Stage.DATA
        answer = await connection.execute_command(b"DATA")
        if answer.code != aiosmtplib.SMTPStatus.start_input:
            raise aiosmtplib.SMTPDataError(answer.code, answer.message)
        _write(connection, _LEADING_DOT.sub(b"..", data))
        await _flush(connection)

    async def dot(self, connection: aiosmtplib.SMTP, seconds: float) -> None:
        """Send the final dot and wait for the answer."""
        protocol = connection.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self.stage = Stage.ANSWER
        protocol.write(b".\r\n")
        answer = await protocol.read_response(timeout=seconds)
        if not 200 <= answer.code < 300:
            raise aiosmtplib.SMTPDataError(answer.code, answer.message)


def _write(connection: aiosmtplib.SMTP, data: bytes) -> None:
    protocol = connection.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    protocol.write(data)


async def _flush(connection: aiosmtplib.SMTP) -> None:
    """Wait until the system has taken all that was written. Raises `SMTPServerDisconnected`.

    aiosmtplib has no public way to wait for that. Most emails fit into the buffer of the socket and never wait.
    """
    transport = connection.transport
    while connection.is_connected and isinstance(transport, asyncio.WriteTransport):
        if not transport.get_write_buffer_size():
            return
        await asyncio.sleep(_FLUSH_CHECK_SECONDS)
    raise aiosmtplib.SMTPServerDisconnected("Connection lost")


async def _log_in(connection: aiosmtplib.SMTP, user: str, password: str) -> None:
    """Log in by the first method that the server supports: some servers offer methods that they do not support."""
    refusal: aiosmtplib.SMTPException | None = None
    methods = {"plain": connection.auth_plain, "login": connection.auth_login, "cram-md5": connection.auth_crammd5}
    for name in _METHODS:
        if name in connection.server_auth_methods:
            try:
                await methods[name](user, password)
            except aiosmtplib.SMTPAuthenticationError as error:
                if error.code not in _METHOD_NOT_SUPPORTED:
                    raise
                refusal = error
            else:
                return
    raise refusal or aiosmtplib.SMTPException("it offers no way to log in that we know")
