"""What the step `email` sends: a plain mail, with nothing of ours in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final

from bot import endpoints
from bot.email import errors, message, transfer_encoding
from bot.email.client import SmtpClient
from bot.email.errors import MailError, Stage

ANSWER_SECONDS: Final = 600.0
"""As RFC 5321 (4.5.3.2.6) asks. The step's own timeout may cut it shorter, and then a person is asked."""


class SmtpMailer:
    """Port Mailer. `now`: what mails are dated with."""

    def __init__(self, client: SmtpClient, *, sender: Address, now: Callable[[], datetime]) -> None:
        self._client, self._sender, self._now = client, sender, now

    async def send(self, *, to: str, subject: str, body: str, reply_to: str | None, key: str) -> Mapping[str, object]:
        """Send it. Raises `StepError`."""
        try:
            mail = self._mail(to=to, subject=subject, body=body, reply_to=reply_to, key=key)
            await self._client.send(mail, answer_seconds=ANSWER_SECONDS)
        except MailError as error:
            raise errors.step_error(error.failure) from error
        except ValueError as error:
            raise errors.step_error(errors.classify(Stage.ADDRESS, error)) from error
        return {"message_id": str(mail["Message-ID"]), "to": to}

    def _mail(self, *, to: str, subject: str, body: str, reply_to: str | None, key: str) -> EmailMessage:
        made = message.headed(self._sender, to, subject=subject, date=self._now())
        if reply_to is not None:
            made["Reply-To"] = endpoints.mailbox(reply_to)
        made["Message-ID"] = message.id_for(self._sender, "step", key)
        transfer_encoding.set_text(made, body if body.endswith("\n") else f"{body}\n", subtype="plain")
        made["MIME-Version"] = "1.0"
        return made
