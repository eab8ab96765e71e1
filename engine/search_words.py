"""The words by which a request is found: how texts are cut into words, for what is stored and what is typed. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from engine.json_values import Value

LONGEST: Final = 40
"""Length of a stored word, in characters; the rest of a longer one does not count."""
MOST: Final = 60
"""Number of different words of one request that are stored."""
MOST_TYPED: Final = 8
"""Number of words of a search that count."""
_WORD: Final = re.compile(r"[^\W_]+")


def words(texts: Iterable[str], most: int = MOST) -> tuple[str, ...]:
    """Return the first different words of texts: without accents, and in small letters."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _words_of(text):
            found[word] = None
            if len(found) == most:
                return tuple(found)
    return tuple(found)


def typed(text: str) -> tuple[str, ...]:
    """Return the words of a search."""
    return words([text], MOST_TYPED)


def _words_of(text: str) -> Iterator[str]:
    plain = text
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        plain = "".join(part for part in parts if not unicodedata.combining(part))
    for match in _WORD.finditer(plain.casefold()):
        yield match.group()[:LONGEST]


def texts_of(value: Value) -> Iterator[str]:
    """Return every text and number in a value, in order."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
