"""Whether a form is ours, was made for this browser, and was sent from our own page. Pure.

A nonce is a salt and a signature over it, the browser's secret and what the form is about. It is the key of what the
form asks for as well: sent twice, it does nothing twice.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

_SALT: Final = range(16, 65)


def is_from_us(sites: Sequence[str], origins: Sequence[str], *, origin: str) -> bool:
    """`sites`, `origins`: all values of `Sec-Fetch-Site` and `Origin`. Browsers send the former, or else the latter."""
    if sites:
        return [*sites] == ["same-origin"]
    return [*origins] == [origin]


def nonce(key: bytes, *, holder: str, about: str, salt: str) -> str:
    """What a form carries. `holder`: the secret of the browser; `about`: what can be done with it."""
    return f"{salt}.{_signed(key, holder, about, salt)}"


def salt_of(key: bytes, given: str, *, holder: str, about: str) -> str | None:
    """The salt of a nonce of ours; None for any other."""
    salt, _, signature = given.partition(".")
    if not holder or len(salt) not in _SALT or not signature.isascii():
        return None
    return salt if hmac.compare_digest(signature, _signed(key, holder, about, salt)) else None


def _signed(key: bytes, holder: str, about: str, salt: str) -> str:
    message = "\0".join(("form", holder, about, salt)).encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, hashlib.sha256).hex()
