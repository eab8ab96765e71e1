"""The time in an id: ids sort by it, so that rows of a period are found by their key. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST: Final = 32**9 - 1


@lru_cache(8)
def time_digits(moment: datetime) -> str:
    """Return the nine digits, of milliseconds since 2020, with which ids of this moment begin.

    All units of a group have the same moment, so it is computed once for them. An id of an earlier moment is smaller.
    """
    at = min(max((moment - _EPOCH) // timedelta(milliseconds=1), 0), _LATEST)
    return "".join(ALPHABET[at >> shift & 31] for shift in range(40, -1, -5))
