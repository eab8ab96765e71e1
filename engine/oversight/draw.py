"""The draw: whether a person reviews a request while only a share is reviewed. Pure.

Each stage has a salt that no one outside of the server knows while it lasts. The log holds the SHA-256 of the salt from
the beginning and the salt itself at the end, so that everyone can check every draw afterwards, and no one foresees one.
"""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from typing import Final

_SIZE: Final = 8
"""Number of bytes of a draw."""
_OF: Final = 1 << (8 * _SIZE)
LATER: Final = "later"
"""What is added to the key of a visit for the second draw: whether people look at it afterwards."""


def salt_of(key: bytes, plan: str, number: int) -> bytes:
    """Return the salt of a stage of a plan. `key`: of this server."""
    return hmac.digest(key, f"sampling salt\n{plan}\n{number}".encode(), hashlib.sha256)


def commitment(salt: bytes) -> str:
    """Return what the log holds of a salt that is still secret."""
    return hashlib.sha256(salt).hexdigest()


def visit_key(run: str, step: str, visit: int) -> str:
    """Return the key under which a visit of a run to a step is drawn."""
    return f"{run}/{step}/{visit}"


def is_drawn(salt: bytes, key: str, share: Decimal) -> bool:
    """Return whether what has this key is drawn, of a share between 0 and 1."""
    return int.from_bytes(hmac.digest(salt, key.encode(), hashlib.sha256)[:_SIZE]) < share * _OF
