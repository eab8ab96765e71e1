"""Tolerance for rows that were written by a clock that was ahead."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

CLOCK_SLACK: Final = timedelta(minutes=1)
"""How far in the future a row may be, because a clock was set back a little. Beyond it, the clock was wrong."""
