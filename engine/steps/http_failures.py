"""What the error of an `http` step says about its call: whether it is known that nothing happened. Pure."""

from __future__ import annotations

import re
from typing import Final

REFUSED: Final = frozenset({501, 503, 505, 511})
"""Statuses 5xx that mean that nothing was done: not implemented, unavailable, HTTP version, network login."""
_NOTHING_DONE: Final = re.compile(
    rf"\S+ \S+ (?:was not sent: |answered (?:4[0-9]{{2}}|{'|'.join(map(str, sorted(REFUSED)))})\b)"
)

_NEVER_DONE: Final = re.compile(r"\S+ \S+ (?:was not sent: |answered (?!408|409|425|429)4[0-9]{2}\b)")


def did_nothing(error: str) -> bool:
    """Return whether the error of a single call says that the other server refused it, or that it was not sent."""
    return _NOTHING_DONE.match(error) is not None


def is_refused_for_good(error: str) -> bool:
    """Return whether the error of the last of several calls says that the server refuses all of them.

    An answer such as 409 may follow from an earlier call of the step: its work is there already.
    """
    return _NEVER_DONE.match(error) is not None
