"""The keys with which the values of secrets are encrypted in the database. Pure.

A sealed value is bound to the workspace, the workflow and the name of its secret: what is moved to another row is
opened nowhere. It is padded, so that it does not tell the length of a value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE: Final = 12
"""Length of a nonce, in bytes."""
_BLOCK: Final = 256
"""A value is padded to a multiple of this, in bytes."""
_END: Final = b"\x80"
"""Stands between a value and its padding of zeros."""
_ID: Final = 16
"""Length of the id of a key, in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """The secret that a value belongs to. `workflow`: the workflow that it is for, or None for all."""

    workspace: str
    workflow: str | None
    name: str

    @property
    def associated(self) -> bytes:
        """The bytes that a sealed value is bound to."""
        return "\n".join(("signoff secret", self.workspace, self.workflow or "", self.name)).encode()


@dataclass(frozen=True, slots=True)
class SealedValue:
    """An encrypted value. `key`: the id of the key that opens it."""

    key: str
    text: str


class SecretKeys:
    """Seals with the first key, and opens with each of them."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = {_digest(key, b"id").hex()[:_ID]: AESGCM(_digest(key, b"value")) for key in keys}

    @property
    def current(self) -> str | None:
        """The id of the key that seals, or None if there is no key."""
        return next(iter(self._keys), None)

    def seal(self, value: str, place: SecretPlace, nonce: bytes) -> SealedValue:
        """Return the value, encrypted. `nonce`: random bytes that were never used before. There must be a key."""
        key = next(iter(self._keys))
        written = value.encode("utf-8", "surrogatepass") + _END
        padded = written + bytes(-len(written) % _BLOCK)
        sealed = nonce[:NONCE] + self._keys[key].encrypt(nonce[:NONCE], padded, place.associated)
        return SealedValue(key, base64.b64encode(sealed).decode())

    def open(self, sealed: SealedValue, place: SecretPlace) -> str | None:
        """Return the value, or None if no key here opens it, or if it was changed or moved."""
        key = self._keys.get(sealed.key)
        if key is None:
            return None
        try:
            raw = base64.b64decode(sealed.text, validate=True)
            padded = key.decrypt(raw[:NONCE], raw[NONCE:], place.associated)
        except (binascii.Error, ValueError, InvalidTag):
            return None
        return padded.rstrip(b"\0").removesuffix(_END).decode("utf-8", "surrogatepass")


def _digest(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, b"secret " + purpose, hashlib.sha256)


class KeysOfSecrets(Protocol):
    """Where the keys of secrets are kept: a setting, or a file beside the database."""

    def load(self) -> SecretKeys:
        """Return the keys that there are; there may be none. Raises `SignoffError` if they cannot be used."""

    def need(self) -> SecretKeys:
        """Return the keys, and make the first one if there is none. Raises `SignoffError` with what to do."""

    def add(self) -> SecretKeys:
        """Put a new key before the others, where this can be done here, and return the keys. Raises `SignoffError`."""

    def forget_others(self) -> None:
        """Keep only the first key, where this can be done here. Raises `SignoffError`."""
