"""Identifiers of workflow files, in the words that people read. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORD_STARTS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN: Final = re.compile(r"[_\-\s]+")
_SHORT_FORMS: Final = {"id": "ID", "url": "URL"}


@lru_cache(1024)
def in_words(name: str) -> str:
    """Return the words of an identifier: `order_id` and `orderId` are "Order ID". Other texts stay as they are."""
    if _IDENTIFIER.fullmatch(name) is None:
        return name
    words = [word for word in _BETWEEN.split(_WORD_STARTS.sub(" ", name)) if word]
    text = " ".join(word if word.isupper() else _SHORT_FORMS.get(word.lower(), word.lower()) for word in words)
    return text[:1].upper() + text[1:]


def end_in_words(path: str) -> str:
    """Return the end of a dotted path in words: `json.order_id` is "Order ID"."""
    *around, last = path.split(".")
    # An item of a list has no name of its own.
    return f"{in_words(around[-1])} {int(last) + 1}" if around and last.isdecimal() else in_words(last)
