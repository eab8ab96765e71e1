"""The character sets that others name for their texts: which of Python's codecs reads such a text, safely and fast."""

from __future__ import annotations

import codecs
from typing import Final

# Python calls these text encodings too, but they execute escapes or take quadratic time.
_REFUSED: Final = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"})


def codec_for(charset: str) -> str | None:
    """Return the name of the codec for a character set, or None if texts in it are not read here."""
    try:
        codec = codecs.lookup(charset).name.replace("_", "-")
        b"-".decode(codec, "replace")  # rot13 and zip are codecs of no text
    except (LookupError, ValueError):
        return None
    return None if codec in _REFUSED else codec
