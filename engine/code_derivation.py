"""Codes that go out by mail, pure: made of the server's key and the challenge, so that none is kept anywhere.

A sealed text is what a browser carries for us: it cannot be read or changed without the key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

DIGITS: Final = 8
"""Digits of a code that is good for one browser, where five may be tried."""
LONG_DIGITS: Final = 16
"""Digits of a code that is good for every browser that asks with the same address: it must not be guessed, however
many are tried. docs/decisions.md has the arithmetic."""
_GROUP: Final = 4
MIN_KEY: Final = 32
"""Bytes."""
_SEALED: Final = "s."
_LONGEST_SEALED: Final = 2_000
_CONSONANTS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015]+")


@dataclass(frozen=True, slots=True)
class Codes:
    """`key`: at least 32 random bytes that only this server knows."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < MIN_KEY:
            raise ValueError(f"the key has {len(self.key)} bytes; it needs {MIN_KEY}")

    def code(self, challenge: str, digits: int = DIGITS) -> str:
        """Return the code of this challenge, the same whenever its mail has to be written; a long one in groups."""
        number = int.from_bytes(self._digest("code", challenge)[:24], "big")
        code = f"{number % 10**digits:0{digits}d}"
        return code if digits == DIGITS else " ".join(code[at : at + _GROUP] for at in range(0, digits, _GROUP))

    def mac(self, challenge: str, subject: str, code: str) -> bytes:
        """Return what is kept of a code that was sent. `subject`: all that the code stands for."""
        return self._digest("mac", challenge, tidy(code), subject)

    def matches(self, challenge: str, subject: str, code: str, mac: bytes) -> bool:
        """Return whether `code`, as a person typed it, is the one of which `mac` was kept, and stands for `subject`."""
        return hmac.compare_digest(self.mac(challenge, subject, code), mac)

    def seal(self, text: str) -> str:
        """Return a text that only this server can read, and that nobody can change."""
        sealed = AESSIV(self._sealing_key).encrypt(text.encode("utf-8", "surrogatepass"), [b"signoff"])
        return _SEALED + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def unseal(self, sealed: str) -> str | None:
        """Return what was sealed, or None if it was not sealed by this server."""
        if not is_sealed(sealed) or len(sealed) > _LONGEST_SEALED or not sealed.isascii():
            return None
        try:
            given = sealed.removeprefix(_SEALED)
            raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
            return AESSIV(self._sealing_key).decrypt(raw, [b"signoff"]).decode("utf-8", "surrogatepass")
        except (binascii.Error, ValueError, InvalidTag):
            return None

    @property
    def _sealing_key(self) -> bytes:
        return hmac.digest(self.key, b"seal", hashlib.sha512)

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self.key, "\n".join(parts).encode(), hashlib.sha256)


def tidy(code: str) -> str:
    """As it was typed or pasted, without spaces and dashes."""
    return _BETWEEN.sub("", code)


def is_sealed(text: str) -> bool:
    """Return whether this has the form of a sealed text."""
    return text.startswith(_SEALED)


def reference(subject: str) -> str:
    """Return four letters that stand on a page and in its mail, so that people see which mails are for which page."""
    number = int.from_bytes(
        hashlib.sha256(f"reference\n{subject}".encode("utf-8", "surrogatepass")).digest()[:8], "big"
    )
    return "".join(_CONSONANTS[number // len(_CONSONANTS) ** at % len(_CONSONANTS)] for at in range(4))


def hashed(secret: str) -> bytes:
    """What is kept of a token or of a browser's secret. Both are random enough to be hashed once, and unsalted."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
