"""Exit codes, documented in docs/commands.md."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    NO = 1
    """It was understood, and the answer is no: refused, not found, a file or an installation with problems,
    a run that failed."""
    USAGE = 2
    """Wrong arguments or settings; nothing was done."""
    WAITING = 3
    """The run waits for an answer; of `audit verify`: contents were erased, and no entry says by whom."""
    STORE = 4
    """The database or its server cannot be used now; nothing was done."""
    BROKEN = 70
    """A bug: the traceback is in the file that the message names."""
