"""Ids of the Agent Approval Protocol, which are UUIDs: each holds an id of ours, so nothing more is stored. Pure."""

from __future__ import annotations

import re
import uuid
from typing import Final

from engine.id_times import ALPHABET

_LENGTH: Final = 17
"""Number of characters of an id of ours, five bits each."""
_ID: Final = re.compile(rf"[{ALPHABET}]{{{_LENGTH}}}")
UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""A UUID in its usual form."""
_PADDING: Final = 122 - 5 * _LENGTH
"""Number of bits of a UUID that an id of ours leaves."""
_MIDDLE, _LOW = 12, 62
"""The free bits of a UUID of version 8 behind the first 48: between version and variant, and behind both."""
_FIXED: Final = (8 << 76) | (0b10 << 62)
"""The version and the variant."""


def to_uuid(id_: str) -> str:
    """Return the UUID of an id of ours. Ids of one kind keep their order."""
    if _ID.fullmatch(id_) is None:
        raise ValueError("not an id of ours")
    number = 0
    for digit in id_:
        number = number << 5 | ALPHABET.index(digit)
    number <<= _PADDING
    high, middle = number >> _MIDDLE + _LOW, number >> _LOW & (1 << _MIDDLE) - 1
    return str(uuid.UUID(int=high << 80 | middle << 64 | number & (1 << _LOW) - 1 | _FIXED))


def from_uuid(text: str) -> str | None:
    """Return the id of ours that a UUID holds, or None if it holds none."""
    if UUID.fullmatch(text) is None:
        return None
    whole = uuid.UUID(text).int
    high, middle, low = whole >> 80, whole >> 64 & (1 << _MIDDLE) - 1, whole & (1 << _LOW) - 1
    number = (high << _MIDDLE | middle) << _LOW | low
    number, rest = number >> _PADDING, number & (1 << _PADDING) - 1
    id_ = "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
    return id_ if not rest and to_uuid(id_) == text else None
