"""Sends the emails of the step `email`: plain text with files, and nothing else added."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final

from bot import setting_values
from bot.email import errors, message, transfer_encoding
from bot.email.client import SmtpClient
from bot.email.errors import MailError, Stage
from bot.email.transfer_encoding import WrittenEmail
from engine.file_storage import OpenFile
from engine.media_types import UNKNOWN
from engine.off_loop import off_loop

ANSWER_SECONDS: Final = 600.0
"""How long to wait for the answer to the final dot, in seconds (RFC 5321, 4.5.3.2.6). If the timeout of the step is
shorter, a person is asked what to do."""


class SmtpMailer:
    """The port `Mailer` over SMTP. `now`: the clock that dates the emails."""

    def __init__(self, client: SmtpClient, *, sender: Address, now: Callable[[], datetime]) -> None:
        self._client, self._sender, self._now = client, sender, now

    async def send(
        self,
        *,
        to: str,
        subject: str,
        body: str,
        reply_to: str | None,
        key: str,
        attachments: Sequence[OpenFile] = (),
    ) -> Mapping[str, object]:
        """Send the email. Raises `StepError`."""
        try:
            mail = self._message(to=to, subject=subject, reply_to=reply_to, key=key)
            text = body if body.endswith("\n") else f"{body}\n"

            def write() -> WrittenEmail:
                _add_content(mail, text, attachments)
                return transfer_encoding.written(mail)

            email = await off_loop(write, large=bool(attachments))
            await self._client.send(email, answer_seconds=ANSWER_SECONDS)
        except MailError as error:
            raise errors.step_error(error.failure) from error
        except ValueError as error:
            raise errors.step_error(errors.classify(Stage.ADDRESS, error)) from error
        return {"message_id": str(mail["Message-ID"]), "to": to}

    def _message(self, *, to: str, subject: str, reply_to: str | None, key: str) -> EmailMessage:
        mail = message.headed(self._sender, to, subject=subject, date=self._now())
        if reply_to is not None:
            mail["Reply-To"] = setting_values.ascii_mailbox(reply_to)
        mail["Message-ID"] = message.id_for(self._sender, "step", key)
        return mail


def _add_content(mail: EmailMessage, text: str, attachments: Sequence[OpenFile]) -> None:
    """Write the text, and the files after it."""
    if not attachments:
        transfer_encoding.set_text(mail, text, subtype="plain")
        mail["MIME-Version"] = "1.0"
        return
    part = EmailMessage(policy=mail.policy)
    transfer_encoding.set_text(part, text, subtype="plain")
    mail["MIME-Version"] = "1.0"
    mail["Content-Type"] = f'multipart/mixed; boundary="{_boundary(text)}"'
    mail.set_payload([part, *(_attachment(file, mail) for file in attachments)])


def _boundary(text: str) -> str:
    """Return a boundary that the text does not hold. Files are written as base64, which holds none."""
    return f"=_signoff_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _attachment(file: OpenFile, mail: EmailMessage) -> EmailMessage:
    part, kind = EmailMessage(policy=mail.policy), file.reference.type
    # A message inside of a message may not be base64 (RFC 2046, 5.2.1).
    part["Content-Type"] = UNKNOWN if kind.startswith(("message/", "multipart/")) else kind
    part["Content-Transfer-Encoding"] = "base64"
    part.add_header("Content-Disposition", "attachment", filename=file.reference.name)
    part.set_payload(base64.encodebytes(file.data).decode("ascii"))
    return part
