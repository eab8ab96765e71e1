"""The words that no surface shows before the details, and none anywhere."""

from __future__ import annotations

import re
from typing import Final

FORBIDDEN: Final = re.compile(
    r"\b(whoever|somebody|nobody|mend|waits for a decision|rejected by the clock|Asks about|was told|mail for)\b",
    re.IGNORECASE,
)
ISO: Final = re.compile(r"\d{4}-\d\d-\d\d")
"""A date or time as programs write it."""
RAW_PATH: Final = re.compile(r"\bjson\.\w+|\bwith\.\w+|\bsteps\.\w+|\binputs\.\w+")
RUN_ID: Final = re.compile(r"05n7nzcm0\w+")
"""An id, of which the clock of the tests sets the first letters."""
STEP_TYPE: Final = re.compile(r"\((http|set|form|email|wait|played)\)")
_TECHNICAL: Final = (ISO, RAW_PATH, RUN_ID, STEP_TYPE)


def forbidden(text: str) -> list[str]:
    """Return the words of a text that no one is shown anywhere."""
    return [found[0] for found in FORBIDDEN.finditer(text)]


def technical(text: str) -> list[str]:
    """Return what in a text people are shown only behind Details."""
    return [*forbidden(text), *(found[0] for kind in _TECHNICAL for found in kind.finditer(text))]
