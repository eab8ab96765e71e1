"""What a clock may leave behind that was ahead and has been set right."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

CLOCK_SLACK: Final = timedelta(minutes=1)
"""By how much a row may be of the future, because a clock was set back a little. Any other is of a wrong clock."""
