"""Checks that a form is ours, was made for this browser, and was sent from our own page. Pure.

A nonce is a salt with a signature over it, the browser's secret and the subject of the form. The salt is also the
idempotency key of the command: a form that is sent twice acts once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

_SALT: Final = range(16, 65)


def is_from_us(sites: Sequence[str], origins: Sequence[str], *, origin: str) -> bool:
    """Return whether our page sent the form. `sites`, `origins`: all values of `Sec-Fetch-Site` and `Origin`."""
    if sites:
        return [*sites] == ["same-origin"]
    return [*origins] == [origin]


def nonce(key: bytes, *, holder: str, about: str, salt: str) -> str:
    """Return the nonce of a form. `holder`: the secret of the browser; `about`: the subject of the form."""
    return f"{salt}.{_signed(key, holder, about, salt)}"


def salt_of(key: bytes, nonce: str, *, holder: str, about: str) -> str | None:
    """Return the salt of a nonce, or None if it is not ours."""
    salt, _, signature = nonce.partition(".")
    if not holder or len(salt) not in _SALT or not signature.isascii():
        return None
    return salt if hmac.compare_digest(signature, _signed(key, holder, about, salt)) else None


def _signed(key: bytes, holder: str, about: str, salt: str) -> str:
    message = "\0".join(("form", holder, about, salt)).encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, hashlib.sha256).hex()
