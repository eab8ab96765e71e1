"""The head of the audit log, noted in a file beside the database, so that an older database in its place is noticed.

The note is never ahead of the database, because it is written after the commits; it may be seconds behind.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.store import files, lock

log = logging.getLogger(__name__)

SECONDS: Final = 5.0
"""Time between two notes while the database is busy, in seconds."""
QUIET_SECONDS: Final = 1.0
"""Time without a write after which the head is noted sooner, in seconds."""
_NOTE: Final = re.compile(rb"([0-9]{1,18}):([0-9a-f]{64})\n?")

Head = tuple[int, str]
"""The number and the hash of an entry, as `signoff audit` prints them."""


def head_path(path: Path) -> Path:
    """Return the path of the note for this database."""
    real = lock.real_path(path)
    return real.with_name(real.name + ".head")


def read(path: Path) -> Head | None:
    """Return the head that was noted for this database, or None if there is no readable note."""
    try:
        match = _NOTE.fullmatch(head_path(path).read_bytes())
    except OSError:
        return None
    return (int(match[1]), match[2].decode()) if match else None


class HeadNote:
    """Keeps the note up to date. `head`: asks the database."""

    def __init__(self, path: Path, head: Callable[[], Head]) -> None:
        self._path, self._head = head_path(path), head
        self._noted_at = time.monotonic()
        self._troubled = False
        self.is_behind = True

    def committed(self) -> None:
        """Record that there may be a new head."""
        self.is_behind = True
        if time.monotonic() - self._noted_at >= SECONDS:
            self.note()

    def note(self) -> bool:
        """Write the note, and return whether that succeeded. A failure is logged once: the database itself is fine."""
        self._noted_at, self.is_behind = time.monotonic(), False
        try:
            seq, digest = self._head()
            files.write_whole(self._path, f"{seq}:{digest}\n".encode())
            self._troubled = False
            return True
        except OSError as error:
            if not self._troubled:
                log.warning("the head of the log cannot be noted in %s: %s", self._path, error.strerror or error)
            self._troubled = True
            return False
