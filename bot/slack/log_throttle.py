"""Keeps a line from being logged again and again while nothing changes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

AGAIN_SECONDS: Final = 600.0
"""How long the same line is not logged again."""
_REMEMBERED: Final = 50


class LogThrottle:
    """Lets each line pass once in ten minutes."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}

    def passes(self, line: str, now: float) -> bool:
        """Return whether to log the line at this moment, in seconds of any clock."""
        last = self._logged.get(line)
        if last is not None and now - last <= AGAIN_SECONDS:
            return False
        if len(self._logged) > _REMEMBERED:
            self._logged.clear()
        self._logged[line] = now
        return True

    def warn(self, log: logging.Logger, line: str, *, who: str = "") -> None:
        """Log a warning, unless the same was logged in the last ten minutes; `who` may be another."""
        if self.passes(line, asyncio.get_running_loop().time()):
            log.warning("%s", f"{who} {line}".lstrip())
