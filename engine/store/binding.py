"""What the driver of SQLite is taught to bind and does not know: moments, and enums.

It looks for an adapter of everything that is no plain text or number, and where there is none it formats an error,
drops it and takes the value as it is: a third of what binding takes. So None, bytes and bool have one too, each of
which changes nothing, and is called without a frame of Python's.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import NoneType

from engine import moments
from engine.model import statuses


@lru_cache(256)
def write_moment(moment: datetime) -> str:
    """A moment as Core writes it for SQLite. It remembers the last: a unit writes its `now` ten times.

    Raises `ValueError` for one without a time zone, because nobody knows what it means.
    """
    return moments.exact(moment)[:-1].replace("T", " ")


def register() -> None:
    """For the whole process; the driver keeps no others."""
    nothing: dict[None, None] = {}
    sqlite3.register_adapter(NoneType, nothing.get)
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(bool, int)
    sqlite3.register_adapter(datetime, write_moment)
    for kind in vars(statuses).values():
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum:
            sqlite3.register_adapter(kind, {one: one.value for one in kind}.__getitem__)
