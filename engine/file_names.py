"""The names of files, as people and other systems may give them, cleaned in the one place that does. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_BYTES: Final = 200
"""Maximum size of a name, in bytes of UTF-8: file systems take 255, and programs add endings of their own."""
UNNAMED: Final = "file"
_LONGEST_ENDING: Final = 20
"""Maximum size of an ending that a shortened name keeps, in bytes."""
_MOST_READ: Final = 2_000
"""Maximum length of a name that is read, in characters: to sort many accents on one letter takes minutes."""
_FORBIDDEN: Final = re.compile(r'[<>:"|?*%]')
"""What Windows refuses in a name, and `%`, which some programs decode."""
_RESERVED: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE
)
"""Names that Windows reads as a device, with any ending."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that do not show, or that change how others show, such as marks for right to left."""
_AT_ENDS: Final = " ."


def cleaned(name: str) -> str:
    """Return a name without folders, unseen characters and what systems forbid; `file` if nothing is left.

    A name that was cleaned stays as it is.
    """
    if len(name) > _MOST_READ:
        name = name[: _MOST_READ // 2] + name[-_MOST_READ // 2 :]
    # A part that is removed may bring together what is removed next.
    while (once := _cleaned_once(name)) != name:
        name = once
    return name


def _cleaned_once(name: str) -> str:
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name).rstrip("/\\"))[-1]
    spaced = "".join(" " if character in "\t\n\r" else character for character in last)
    seen = "".join(character for character in spaced if unicodedata.category(character) not in _UNSEEN)
    plain = " ".join(_FORBIDDEN.sub("_", seen).split()).strip(_AT_ENDS)
    short = _shortened(plain).strip(_AT_ENDS)
    if _RESERVED.fullmatch(short):
        return f"_{short}"
    return short or UNNAMED


def _shortened(name: str) -> str:
    """Return a name of at most `MAX_BYTES`, with its ending."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem or len(ending.encode()) > _LONGEST_ENDING:
        return _first_bytes(name, MAX_BYTES)
    return f"{_first_bytes(stem, MAX_BYTES - len(ending.encode()) - 1)}.{ending}"


def _first_bytes(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


def ending(name: str) -> str:
    """Return the ending of a name in small letters and without the point, or an empty text."""
    stem, dot, last = name.rpartition(".")
    return last.lower() if dot and stem else ""
