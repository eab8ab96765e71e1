"""Sends the emails of the step `email`: plain text, with nothing added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final

from bot import setting_values
from bot.email import errors, message, transfer_encoding
from bot.email.client import SmtpClient
from bot.email.errors import MailError, Stage

ANSWER_SECONDS: Final = 600.0
"""How long to wait for the answer to the final dot, in seconds (RFC 5321, 4.5.3.2.6). If the timeout of the step is
shorter, a person is asked what to do."""


class SmtpMailer:
    """The port `Mailer` over SMTP. `now`: the clock that dates the emails."""

    def __init__(self, client: SmtpClient, *, sender: Address, now: Callable[[], datetime]) -> None:
        self._client, self._sender, self._now = client, sender, now

    async def send(self, *, to: str, subject: str, body: str, reply_to: str | None, key: str) -> Mapping[str, object]:
        """Send the email. Raises `StepError`."""
        try:
            mail = self._message(to=to, subject=subject, body=body, reply_to=reply_to, key=key)
            await self._client.send(transfer_encoding.written(mail), answer_seconds=ANSWER_SECONDS)
        except MailError as error:
            raise errors.step_error(error.failure) from error
        except ValueError as error:
            raise errors.step_error(errors.classify(Stage.ADDRESS, error)) from error
        return {"message_id": str(mail["Message-ID"]), "to": to}

    def _message(self, *, to: str, subject: str, body: str, reply_to: str | None, key: str) -> EmailMessage:
        mail = message.headed(self._sender, to, subject=subject, date=self._now())
        if reply_to is not None:
            mail["Reply-To"] = setting_values.ascii_mailbox(reply_to)
        mail["Message-ID"] = message.id_for(self._sender, "step", key)
        transfer_encoding.set_text(mail, body if body.endswith("\n") else f"{body}\n", subtype="plain")
        mail["MIME-Version"] = "1.0"
        return mail
