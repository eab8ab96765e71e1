"""The text of an API key: `sgn_`, the id of the key, `_`, and its secret. Pure.

The prefix is the same for all keys, so that scanners of secrets and our own logs recognize them anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

PREFIX: Final = "sgn_"
ID_LENGTH: Final = 17
"""Length of the id of a key, in characters, as `engine.system.RandomIds` makes it."""
SECRET_LENGTH: Final = 43
"""Length of the secret of a key, in characters: 256 bits in base64 that needs no escaping in a URL."""
LENGTH: Final = len(PREFIX) + ID_LENGTH + 1 + SECRET_LENGTH
_WHOLE: Final = re.compile(r"sgn_(?P<id>[0-9a-z]{17})_(?P<secret>[A-Za-z0-9_-]{43})")
_ID: Final = re.compile(r"sgn_([0-9a-z]{17})(?![0-9a-z])")
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9_-]+")
_BEARER: Final = re.compile(r"bearer +(\S.*)", re.IGNORECASE | re.DOTALL)


class KeyProblem(StrEnum):
    """Why a text is no API key."""

    MISSING = "missing"
    NO_BEARER = "no_bearer"
    """There is one in the header, but not after the word `Bearer`."""
    NOT_A_KEY = "not_a_key"
    """It does not begin as API keys do."""
    SPACE = "space"
    CUT_OFF = "cut_off"
    TOO_LONG = "too_long"
    TYPO = "typo"


@dataclass(frozen=True, slots=True)
class KeyText:
    """The parts of the text of a key. Only the secret has to stay secret."""

    id: str
    secret: str = field(repr=False)


def write(key: str, secret: str) -> str:
    """Return the text of the key with this id and secret."""
    return f"{PREFIX}{key}_{secret}"


def id_of(text: str) -> str:
    """Return the id in the text of a key, also of one that is cut off; any other text is returned as it is."""
    match = _ID.match(text.strip())
    return text if match is None else match[1]


def in_header(value: str) -> str | KeyProblem:
    """Return what the header `Authorization` gives as a key, or why it gives none."""
    match = _BEARER.fullmatch(value.strip())
    if match is not None:
        return match[1]
    return KeyProblem.NO_BEARER if PREFIX in value else KeyProblem.MISSING


def parse(text: str) -> KeyText | KeyProblem:
    """Return the parts of the text of a key, or why it is none. White space around it does not count."""
    text = text.strip()
    if not text:
        return KeyProblem.MISSING
    if not text.startswith(PREFIX):
        return KeyProblem.NOT_A_KEY
    if (whole := _WHOLE.fullmatch(text)) is not None:
        return KeyText(whole["id"], whole["secret"])
    if any(character.isspace() for character in text):
        return KeyProblem.SPACE
    if _CHARACTERS.fullmatch(text) is None or len(text) == LENGTH:
        return KeyProblem.TYPO
    return KeyProblem.CUT_OFF if len(text) < LENGTH else KeyProblem.TOO_LONG
