"""Sample emails, a real client that sends them, and a client that can send any SMTP line."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import aiosmtplib

from bot.devtools.sandbox import RunningSandbox
from bot.devtools.sandbox.mail.server import MailServer

MIA = "mia@example.com"
SENDER = "signoff@example.com"


def message(
    subject: str = "Refund order A-1007?", *, to: str = MIA, html: str | None = None, **more: str
) -> EmailMessage:
    """Return an email that every mail server accepts."""
    email = EmailMessage()
    headers = {
        "From": f"Signoff <{SENDER}>",
        "To": to,
        "Subject": subject,
        "Date": "Mon, 05 Jan 2026 10:00:00 +0000",
        "Message-ID": f"<{abs(hash((subject, to)))}@example.com>",
    }
    for name, value in {**headers, **{key.replace("_", "-"): value for key, value in more.items()}}.items():
        if value:
            email[name] = value
    email.set_content("Refund order A-1007?\n\nAmount: 120 EUR\n")
    if html is not None:
        email.add_alternative(html, subtype="html")
    return email


def options(mail: MailServer, **more: Any) -> dict[str, Any]:
    """Return the arguments with which aiosmtplib connects to the server."""
    security = mail.config.security
    values: dict[str, Any] = {"hostname": mail.host, "port": mail.port, "timeout": 5.0}
    values |= {"use_tls": security == "tls", "start_tls": security == "starttls"}
    if mail.config.ca is not None:
        values["tls_context"] = ssl.create_default_context(cafile=mail.config.ca)
    if mail.config.user is not None:
        values |= {"username": mail.config.user, "password": mail.config.password}
    return {**values, **more}


async def send(slack: RunningSandbox, mail: EmailMessage | None = None, **more: Any) -> str:
    """Send an email with aiosmtplib, and return the reply of the server."""
    _, reply = await aiosmtplib.send(mail or message(), **options(slack.mail, **more))
    return reply


async def send_raw(slack: RunningSandbox, content: bytes, *to: str, **more: Any) -> str:
    """Send these bytes unchanged, and return the reply of the server."""
    values = options(slack.mail, sender=SENDER, recipients=list(to or (MIA,)), mail_options=["BODY=8BITMIME"])
    _, reply = await aiosmtplib.send(content, **{**values, **more})
    return reply


class SmtpConversation:
    """A connection on which a test can send any line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read_reply(self) -> str:
        """Return the next reply with its lines joined, or "" if the connection was closed."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            async with asyncio.timeout(5):
                line = await self.reader.readline()
            if not line:
                break
            lines.append(line.decode().rstrip("\r\n"))
        return "\n".join(lines)

    def write(self, content: bytes) -> None:
        self.writer.write(content)

    async def __call__(self, line: str) -> str:
        """Send a line, and return the reply of the server."""
        self.write(line.encode() + b"\r\n")
        return await self.read_reply()

    async def codes(self, *lines: str) -> list[int]:
        """Send lines one after the other, and return the codes of the replies."""
        return [int((await self(line))[:3]) for line in lines]

    async def up_to_data(self) -> None:
        """Send all commands that come before the content."""
        assert await self.codes("EHLO me.example", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{MIA}>", "DATA") == [
            250, 250, 250, 354,
        ]  # fmt: skip


@asynccontextmanager
async def open_conversation(slack: RunningSandbox, *, greeted: bool = True) -> AsyncIterator[SmtpConversation]:
    """Open a connection. With `greeted`, read the greeting and send EHLO first."""
    reader, writer = await asyncio.open_connection(slack.mail.host, slack.mail.port)
    talk = SmtpConversation(reader, writer)
    try:
        if greeted:
            assert (await talk.read_reply()).startswith("220 ")
            assert (await talk("EHLO me.example")).startswith("250-")
        yield talk
    finally:
        writer.transport.abort()
