"""Mails to send, a real client to send them with, and a client that says whatever it likes."""

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
    """A mail that nobody has anything to object to."""
    made = EmailMessage()
    given = {
        "From": f"Signoff <{SENDER}>",
        "To": to,
        "Subject": subject,
        "Date": "Mon, 05 Jan 2026 10:00:00 +0000",
        "Message-ID": f"<{abs(hash((subject, to)))}@example.com>",
    }
    for name, value in {**given, **{key.replace("_", "-"): value for key, value in more.items()}}.items():
        if value:
            made[name] = value
    made.set_content("Refund order A-1007?\n\nAmount: 120 EUR\n")
    if html is not None:
        made.add_alternative(html, subtype="html")
    return made


def options(mail: MailServer, **more: Any) -> dict[str, Any]:
    """How aiosmtplib reaches the server, as it asks for."""
    security = mail.config.security
    given: dict[str, Any] = {"hostname": mail.host, "port": mail.port, "timeout": 5.0}
    given |= {"use_tls": security == "tls", "start_tls": security == "starttls"}
    if mail.config.ca is not None:
        given["tls_context"] = ssl.create_default_context(cafile=mail.config.ca)
    if mail.config.user is not None:
        given |= {"username": mail.config.user, "password": mail.config.password}
    return {**given, **more}


async def send(slack: RunningSandbox, mail: EmailMessage | None = None, **more: Any) -> str:
    """Send it with aiosmtplib; what the server said of it."""
    _, said = await aiosmtplib.send(mail or message(), **options(slack.mail, **more))
    return said


async def send_raw(slack: RunningSandbox, content: bytes, *to: str, **more: Any) -> str:
    """Send these bytes as they are."""
    given = options(slack.mail, sender=SENDER, recipients=list(to or (MIA,)), mail_options=["BODY=8BITMIME"])
    _, said = await aiosmtplib.send(content, **{**given, **more})
    return said


class SmtpConversation:
    """A connection on which anything can be said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read_reply(self) -> str:
        """The next answer, its lines joined; "" if the connection was closed."""
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
        """Say a line; what the server answers."""
        self.write(line.encode() + b"\r\n")
        return await self.read_reply()

    async def codes(self, *lines: str) -> list[int]:
        """The codes of the answers to lines, said one after the other."""
        return [int((await self(line))[:3]) for line in lines]

    async def up_to_data(self) -> None:
        """Everything before the content."""
        assert await self.codes("EHLO me.example", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{MIA}>", "DATA") == [
            250, 250, 250, 354,
        ]  # fmt: skip


@asynccontextmanager
async def open_conversation(slack: RunningSandbox, *, greeted: bool = True) -> AsyncIterator[SmtpConversation]:
    """`greeted`: the greeting was heard, and EHLO said."""
    reader, writer = await asyncio.open_connection(slack.mail.host, slack.mail.port)
    talk = SmtpConversation(reader, writer)
    try:
        if greeted:
            assert (await talk.read_reply()).startswith("220 ")
            assert (await talk("EHLO me.example")).startswith("250-")
        yield talk
    finally:
        writer.transport.abort()
