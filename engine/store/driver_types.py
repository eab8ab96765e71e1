"""Adapters for the driver of SQLite, of what is bound often and is neither text nor number.

It looks for an adapter of everything that is no plain text or number, and where there is none it formats an error,
drops it and takes the value as it is: a third of what binding takes. So each has one, which changes nothing and is
called without a frame of Python's. (None for moments: the adapters are those of the whole process, in which step types
of other people may keep a database of their own.)
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from types import NoneType

from engine.domain import statuses


def register() -> None:
    """For the whole process; the driver keeps no others."""
    nothing: dict[None, None] = {}
    sqlite3.register_adapter(NoneType, nothing.get)
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(bool, int)
    for kind in vars(statuses).values():
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum:
            sqlite3.register_adapter(kind, {one: one.value for one in kind}.__getitem__)
