"""Exit codes, documented in docs/commands.md."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    NO = 1
    """The command was understood, and the answer is no: refused, not found, a file or an installation with problems,
    a run that failed."""
    USAGE = 2
    """Wrong arguments or settings. Nothing was done."""
    WAITING = 3
    """The run waits for an answer. For `audit verify`: contents were erased, and no entry names the person who did."""
    STORE = 4
    """The database or its server cannot be used now. Nothing was done. For programs: Signoff cannot be reached."""
    LATE = 5
    """For `ask --wait`: no decision came in time, or the approval was not used in time."""
    CANCELLED = 6
    """For `ask --wait`: the ask was cancelled before it was decided."""
    BROKEN = 70
    """A bug. The message names the file with the traceback."""
