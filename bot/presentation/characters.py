"""Finds the invisible characters of a text, the places where it may be cut, and the direction of its lines. Pure.

Every channel has to cut texts, and none may split a character as people see it (a cluster). The tables of `regex`,
which follow Unicode, define characters and clusters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

import regex

_HALF_NAME: Final = re.compile(r"⟦U\+[0-9A-F]{0,6}\Z")
_LONGEST_CLUSTER: Final = 40
_LOOKS_BACK: Final = 400
"""Characters before a cut that are read to find its cluster: a blank stands nearer in any text that people write."""

_MOST_FLAGS: Final = 10_000
"""Halves of flags in a row that are counted."""

_INVISIBLE: Final = regex.compile(
    r"""
    # An emoji: with its selector and skin colour, and joined with others to one.
      \p{Extended_Pictographic}[\uFE0E\uFE0F]?\p{Emoji_Modifier}?
        (?:\u200D\p{Extended_Pictographic}[\uFE0E\uFE0F]?\p{Emoji_Modifier}?)*+
    | [0-9\#*]\uFE0F(?=\u20E3)
    # The flags of England, Scotland and Wales, the only ones that are written with tags and drawn everywhere.
    | (?=\U000E0067)(?<=\U0001F3F4)\U000E0067\U000E0062
        (?:\U000E0065\U000E006E\U000E0067|\U000E0073\U000E0063\U000E0074|\U000E0077\U000E006C\U000E0073)\U000E007F
    # The form of one ideograph, as names in Japan need it, and of one Mongolian letter.
    | \p{Script=Han}[\uFE00-\uFE02\U000E0100-\U000E01EF]
    | (?=[\u180B-\u180D\u180F])(?<=[\p{Script=Mongolian}--\p{DI}])[\u180B-\u180D\u180F]
    | (?=\u180E)(?<=[\p{Script=Mongolian}--\p{DI}])\u180E(?=[\p{Script=Mongolian}--\p{DI}])
    # A soft hyphen, at which a word may be broken; never in an address, which must be what it looks like.
    | (?=\u00AD)(?<![@./:][^\n\t\p{Zs}]{0,80})(?<=[\p{L}--\p{DI}][\p{M}--\p{DI}]?)\u00AD(?=[\p{L}--\p{DI}])
        (?![^\n\t\p{Zs}]{0,80}[@./:][^\n\t\p{Zs}])
    # A joiner beside the sign that joins consonants: https://www.rfc-editor.org/rfc/rfc5892#appendix-A
    | (?=[\u200C\u200D])(?<=\p{ccc=9})[\u200C\u200D]
    | (?=[\u200C\u200D])(?<=[\p{L}--\p{DI}])[\u200C\u200D](?=\p{ccc=9})
    # A joiner that changes the letters beside it: it separates two that would join, or joins one that would not.
    | (?=\u200C)(?<=[\p{jt=D}\p{jt=L}][\p{Mn}--\p{DI}]{0,4})\u200C(?=[\p{Mn}--\p{DI}]{0,4}[\p{jt=D}\p{jt=R}])
    | (?=\u200D)(?<=[\p{jt=D}\p{jt=L}][\p{Mn}--\p{DI}]{0,4})\u200D(?![\p{Mn}--\p{DI}]{0,4}[\p{jt=D}\p{jt=R}\p{jt=C}])
    | (?=\u200D)(?<![\p{jt=D}\p{jt=L}\p{jt=C}][\p{Mn}--\p{DI}]{0,4})\u200D(?=[\p{Mn}--\p{DI}]{0,4}[\p{jt=D}\p{jt=R}])
    # The end of a line, as mail and browsers write it.
    | \r\n
    # Everything else that prints nothing, moves what follows, or turns its direction.
    | (?P<hidden>[[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800\uFFF0-\uFFF8]--[\n\t\p{PCM}]])
    """,
    regex.VERBOSE | regex.VERSION1,
)
"""Characters that may hide something, each with the neighbours that explain it; alone they are the group `hidden`."""
_UNUSUAL: Final = re.compile(r"[^ -~\n\t]")
"""Any character that is no printable ASCII. Most texts have none, and this search is much faster than `_INVISIBLE`."""
_APART: Final = regex.compile(r"\n|\t|\p{Zs}{4,}")
_LETTERS: Final = {"L": "right", "R": "left", "AL": "left"}
"""The directions in which letters of these kinds lead."""
_CLUSTER: Final = regex.compile(r"\X")
_FROM_THE_RIGHT: Final = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""The blocks of Unicode for scripts that are written from right to left:
https://www.unicode.org/reports/tr44/#Bidi_Class_Values"""


def visible(text: str) -> str:
    """Return the text with each character that cannot be seen written as its code point, and line ends as LF."""
    if text.isascii() and _UNUSUAL.search(text) is None:
        return text
    return _INVISIBLE.sub(_spell, text)


def _spell(match: regex.Match[str]) -> str:
    if match["hidden"] is None:
        return "\n" if match[0] == "\r\n" else match[0]
    return f"⟦U+{ord(match[0]):04X}⟧"


def line(text: str) -> str:
    """Return `visible` in one line: for names and titles, which must not look like further lines of ours."""
    return " ".join(visible(text).split())


def sentence(text: str) -> str:
    """Return the text with a full stop at its end, unless something else ends it."""
    return text if text.endswith((".", "!", "?", "…", ":")) else f"{text}."


def hidden(text: str) -> list[int]:
    """Return the places of the characters that `visible` writes as code points."""
    if text.isascii() and _UNUSUAL.search(text) is None:
        return []
    return [match.start() for match in _INVISIBLE.finditer(text) if match["hidden"] is not None]


def stands_apart(text: str) -> bool:
    """Return whether a text has to stand in a block of its own: its lines could pass for lines of ours.

    A long blank does what a line end does, as soon as a line is too narrow for it.
    """
    return _APART.search(text) is not None


def cut(text: str, limit: int) -> str:
    """Return the beginning of a text, with … if it was longer than the limit, in characters."""
    return text if len(text) <= limit else f"{text[: boundary(text, limit - 1)].rstrip()}…"


def boundary(text: str, index: int) -> int:
    """Return the nearest index at or before `index` where a cut splits no character and no ⟦U+…⟧, or else `index`."""
    cut = _cluster_start(text, index)
    if cut == 0 or index - cut > _LONGEST_CLUSTER:
        return index
    half = _HALF_NAME.search(text, max(0, cut - 10), cut)
    return half.start() if half and half.start() > 0 else cut


def _cluster_start(text: str, index: int) -> int:
    """Return where the cluster that `index` lies in begins; `index` if a cluster begins or the text ends there."""
    around = text[index - 1 : index + 1]
    if not 0 < index < len(text) or (around.isascii() and around != "\r\n"):
        return index
    if _is_flag(around[0]) and _is_flag(around[1]):
        # `regex` counts them from the first one for each of them.
        last = max(-1, index - 1 - _MOST_FLAGS)
        before = next((at for at in range(index - 1, last, -1) if not _is_flag(text[at])), last)
        return index - (index - 1 - before) % 2
    window = max(0, index - _LOOKS_BACK)
    # A cluster never continues after a blank, except for combining marks right behind it.
    start = max(text.rfind(" ", window, index), text.rfind("\n", window, index), window)
    for match in _CLUSTER.finditer(text, start):
        if match.end() > index:
            return match.start()
    return index


def _is_flag(character: str) -> bool:
    """Return whether two of these make a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def level(sizes: Iterable[int], room: int) -> int:
    """Return the largest cap with which all sizes together fit into `room`, so that only the longest texts are cut."""
    ascending = sorted(sizes)
    for index, size in enumerate(ascending):
        share = room // (len(ascending) - index)
        if size > share:
            return share
        room -= size
    return ascending[-1] if ascending else 0


def stretches(text: str) -> list[str]:
    """Return the text in stretches of lines with the same direction, that of their first letters.

    Joined with line breaks, the stretches are the text. A line without letters has the direction of the line before
    it. An empty line is at the beginning of a stretch, because HTML does not show one at the end of a block.
    """
    if not _FROM_THE_RIGHT.search(text):
        return [text]
    parts, way = list[list[str]]([[]]), None
    for line in text.split("\n"):
        own = _direction(line)
        if own is not None and way not in (None, own):
            end = len(parts[-1])
            while not parts[-1][end - 1].strip():
                end -= 1
            parts.append(parts[-1][end:])
            del parts[-2][end:]
        way = own or way
        parts[-1].append(line)
    return ["\n".join(lines) for lines in parts]


def _direction(line: str) -> str | None:
    """Return the direction of the first letter, as `dir="auto"` does."""
    for character in line:
        kind = unicodedata.bidirectional(character)
        if kind in _LETTERS:
            return _LETTERS[kind]
    return None
