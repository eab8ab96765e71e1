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
_AT_ONCE: Final = 1_000
"""Number of characters that are decomposed at once: to sort many accents on one letter takes minutes."""
_WORD: Final = re.compile(r"[^\W_]+")


def words(texts: Iterable[str], most: int = MOST) -> tuple[str, ...]:
    """Return the first different words of texts: without accents, and in small letters."""
    found: dict[str, None] = {}
    for text in texts:
        for some in _words_of(text):
            found.update(dict.fromkeys(some))
            if len(found) >= most:
                return tuple(found)[:most]
    return tuple(found)


def typed(text: str) -> tuple[str, ...]:
    """Return the words of a search."""
    return words([text], MOST_TYPED)


def _words_of(text: str) -> Iterator[list[str]]:
    """Yield the words of a text, those of a short one together: nearly all texts are short."""
    plain = text
    if not text.isascii():
        pieces = (text[at : at + _AT_ONCE] for at in range(0, len(text), _AT_ONCE))
        parts = (part for piece in pieces for part in unicodedata.normalize("NFKD", piece))
        plain = "".join(part for part in parts if not unicodedata.combining(part))
    plain = plain.casefold()
    if len(plain) <= LONGEST:
        yield _WORD.findall(plain)
    elif len(plain) <= _AT_ONCE:
        yield [word[:LONGEST] for word in _WORD.findall(plain)]
    else:
        for match in _WORD.finditer(plain):
            yield [match.group()[:LONGEST]]


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
