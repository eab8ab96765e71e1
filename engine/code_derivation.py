"""The derivation of one-time codes from the key of the server and a challenge, so that no code is stored. Pure.

A sealed text is carried by a browser: it cannot be read or changed without the key.
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
"""Length of a code for one browser, in digits. Five codes may be tried there."""
LONG_DIGITS: Final = 16
"""Length of a code for every browser that asks with the same address, in digits. It cannot be guessed with any number
of tries: docs/decisions.md has the arithmetic."""
_GROUP: Final = 4
MIN_KEY: Final = 32
"""Minimum length of the key, in bytes."""
_SEALED: Final = "s."
_LONGEST_SEALED: Final = 2_000
_FINGERPRINT: Final = 16
"""Length of the fingerprint of a key, in hexadecimal digits."""
_CLIENT: Final = 16
"""Length of the digest of a client, in bytes."""
_CONSONANTS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015]+")


@dataclass(frozen=True, slots=True)
class Codes:
    """Derives codes and seals texts. `key`: at least `MIN_KEY` random bytes that only this server knows."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < MIN_KEY:
            raise ValueError(f"the key has {len(self.key)} bytes; it needs {MIN_KEY}")

    def code(self, challenge: str, digits: int = DIGITS) -> str:
        """Return the code of this challenge, the same each time. A long code is written in groups."""
        number = int.from_bytes(self._digest("code", challenge)[:24], "big")
        code = f"{number % 10**digits:0{digits}d}"
        return code if digits == DIGITS else " ".join(code[at : at + _GROUP] for at in range(0, digits, _GROUP))

    def mac(self, challenge: str, subject: str, code: str) -> bytes:
        """Return the MAC that is stored for a code that was sent. `subject`: everything that the code confirms."""
        return self._digest("mac", challenge, tidy(code), subject)

    def matches(self, challenge: str, subject: str, code: str, mac: bytes) -> bool:
        """Return whether `code`, as a person typed it, is the code of `mac` and confirms `subject`."""
        return hmac.compare_digest(self.mac(challenge, subject, code), mac)

    def secret(self, purpose: str, seed: str) -> str:
        """Return a secret that is derived from a seed, 43 characters long, so that only the seed's hash is stored."""
        return base64.urlsafe_b64encode(self._digest("secret", purpose, seed)).decode().rstrip("=")

    def seal(self, text: str, purpose: str = "") -> str:
        """Return the text encrypted, so that only this server can read it and any change is noticed.

        What is sealed for a purpose is opened for no other: a text from the database is none that a browser carries.
        """
        sealed = AESSIV(self._sealing_key).encrypt(text.encode("utf-8", "surrogatepass"), _bound_to(purpose))
        return _SEALED + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def unseal(self, sealed: str, purpose: str = "") -> str | None:
        """Return the text that was sealed, or None if this server did not seal it, or for another purpose."""
        if not is_sealed(sealed) or len(sealed) > _LONGEST_SEALED or not sealed.isascii():
            return None
        try:
            encoded = sealed.removeprefix(_SEALED)
            raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            return AESSIV(self._sealing_key).decrypt(raw, _bound_to(purpose)).decode("utf-8", "surrogatepass")
        except (binascii.Error, ValueError, InvalidTag):
            return None

    @property
    def fingerprint(self) -> str:
        """Return a text by which two servers can tell whether they have the same key. It does not tell the key."""
        return self._digest("fingerprint").hex()[:_FINGERPRINT]

    def client(self, address: str) -> bytes:
        """Return the digest by which a client is counted. Without the key, it does not tell the address."""
        return self._digest("client", address)[:_CLIENT]

    @property
    def _sealing_key(self) -> bytes:
        return hmac.digest(self.key, b"seal", hashlib.sha512)

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self.key, "\n".join(parts).encode(), hashlib.sha256)


def _bound_to(purpose: str) -> list[bytes]:
    return [b"signoff", purpose.encode()] if purpose else [b"signoff"]


def tidy(code: str) -> str:
    """Return a code as it was typed or pasted, without spaces and dashes."""
    return _BETWEEN.sub("", code)


def is_sealed(text: str) -> bool:
    """Return whether the text looks like a sealed text."""
    return text.startswith(_SEALED)


def reference(subject: str) -> str:
    """Return four letters that a page and its emails show, so that people see which email is for which page."""
    number = int.from_bytes(
        hashlib.sha256(f"reference\n{subject}".encode("utf-8", "surrogatepass")).digest()[:8], "big"
    )
    return "".join(_CONSONANTS[number // len(_CONSONANTS) ** at % len(_CONSONANTS)] for at in range(4))


def hashed(secret: str) -> bytes:
    """Return the hash that is stored of a token or the secret of a browser. Both are random, so no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
