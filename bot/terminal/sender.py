"""Senders for the steps `message` and `email` of a trial: they print the messages and send none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from bot.presentation import characters
from engine.file_storage import OpenFile


class TerminalSender:
    """Port Sender. Prints the messages of `message` steps."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def send(self, *, to: str, text: str, source: str, key: str) -> Mapping[str, object]:  # noqa: ARG002
        """Print the message."""
        self._console.print(
            escape(f"A message to {characters.line(to)}, which a trial does not send: {characters.visible(text)}")
        )
        return {"channel": to, "ts": ""}


class TerminalMailer:
    """Port Mailer. Prints the emails of `email` steps."""

    def __init__(self, console: Console) -> None:
        self._console = console

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
        """Print the email."""
        reply_line = [f"Reply-To: {characters.line(reply_to)}"] if reply_to is not None else []
        lines = [
            f"An email to {characters.line(to)}, which a trial does not send:",
            f"Subject: {characters.line(subject)}",
            *reply_line,
            *(f"Attached: {characters.line(file.reference.words)}" for file in attachments),
            "",
            characters.visible(body),
        ]
        self._console.print(escape("\n".join(lines)))
        return {"message_id": f"<{key}@trial.invalid>", "to": to}
