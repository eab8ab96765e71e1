"""What the step `message` does in a trial: the message is shown, and goes nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from bot import card


class TerminalSender:
    """Port Sender."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def send(self, *, to: str, text: str, key: str) -> Mapping[str, object]:  # noqa: ARG002 nothing is sent
        """Print it."""
        self._console.print(escape(f"A message to {card.line(to)}, which a trial does not send: {card.visible(text)}"))
        return {"channel": to, "ts": ""}
