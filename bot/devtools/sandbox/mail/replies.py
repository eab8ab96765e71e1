"""Answers of the server: a code, an enhanced code and a text (RFC 5321, RFC 2034)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class SmtpReply:
    """An answer. `text` may have several lines. `enhanced`: a code such as `5.1.1`."""

    code: int
    text: str
    enhanced: str | None = None

    def encode(self, *, enhanced: bool) -> bytes:
        """Return the bytes of the answer. `enhanced`: with the enhanced code."""
        prefix = f"{self.enhanced} " if enhanced and self.enhanced else ""
        lines = self.text.splitlines() or [""]
        marks = ["-"] * (len(lines) - 1) + [" "]
        written = "".join(f"{self.code}{mark}{prefix}{line}\r\n" for mark, line in zip(marks, lines, strict=True))
        return written.encode("utf-8", "replace")


class SmtpRefusal(Exception):
    """A command is refused with this answer."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.reply = SmtpReply(code, text, enhanced=enhanced)


OK: Final = SmtpReply(250, "OK", enhanced="2.0.0")
