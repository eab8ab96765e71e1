"""Codes that go out by mail, pure: made of the server's key and the challenge, so that none is kept anywhere."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

DIGITS: Final = 8
MIN_KEY: Final = 32
"""Bytes."""
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015]+")


@dataclass(frozen=True, slots=True)
class Codes:
    """`key`: at least 32 random bytes that only this server knows."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < MIN_KEY:
            raise ValueError(f"the key has {len(self.key)} bytes; it needs {MIN_KEY}")

    def code(self, challenge: str) -> str:
        """The code of this challenge: 8 digits, the same each time that its mail has to be written."""
        number = int.from_bytes(self._digest("code", challenge)[:16], "big")
        return f"{number % 10**DIGITS:0{DIGITS}d}"

    def mac(self, challenge: str, code: str) -> bytes:
        """What is kept of a code that was sent: of no use without the key."""
        return self._digest("mac", challenge, code)

    def matches(self, challenge: str, code: str, mac: bytes) -> bool:
        """Whether `code`, as a person typed it, is the one of which `mac` was kept."""
        return hmac.compare_digest(self.mac(challenge, tidy(code)), mac)

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self.key, "\n".join(parts).encode(), hashlib.sha256)


def tidy(code: str) -> str:
    """As it was typed or pasted, without spaces and dashes."""
    return _BETWEEN.sub("", code)


def hashed(secret: str) -> bytes:
    """What is kept of a token or of a browser's secret. Both are random enough to be hashed once, and unsalted."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
