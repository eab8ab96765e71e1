"""Adapters for the driver of SQLite, of what is bound often and is neither text nor number.

It looks for an adapter of every None, bytes, bool and enum that is bound, and where there is none it formats an error,
drops it and takes the value as it is: a third of what binding takes. So each has one, which changes nothing.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from types import NoneType

from engine.model import statuses


def _same(value: None) -> None:
    return value


def register() -> None:
    """For the whole process; the driver keeps no others."""
    sqlite3.register_adapter(NoneType, _same)
    sqlite3.register_adapter(bytes, memoryview)
    sqlite3.register_adapter(bool, int)
    for kind in vars(statuses).values():
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum:
            sqlite3.register_adapter(kind, str)
