"""Adapters for the driver of SQLite, for the types of parameters that are neither text nor number.

For a type without an adapter the driver formats an error, drops it and binds the value as it is, which costs more than
an adapter. Moments have none: adapters are those of the whole process, in which step types of other distributions may
keep a database of their own.
"""

from __future__ import annotations

import sqlite3
from types import NoneType


def register() -> None:
    """Register the adapters for the whole process; the driver knows no smaller scope."""
    sqlite3.register_adapter(NoneType, _unchanged)
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(bool, int)


def _unchanged(value: None) -> None:
    return value
