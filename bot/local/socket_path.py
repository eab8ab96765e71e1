"""Where the socket of a database is."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

LONGEST_PATH: Final = 100
"""Bytes of a socket's path that every system takes: `sun_path` holds 104 on macOS and 108 on Linux."""


def socket_path(database: Path) -> Path:
    """Where the server of this database listens: beside it, or in the temporary folder where that path is too long.

    Symbolic links are followed first, so that every path to one file leads to one server.
    """
    real = os.path.realpath(database)
    beside = Path(real + ".sock")
    if len(os.fsencode(beside)) <= LONGEST_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
    return own_folder() / f"{name}.sock"


def own_folder() -> Path:
    """A folder of our own in the temporary one, or in /tmp where that is too deep for a socket."""
    name = f"signoff-{os.getuid()}"
    temporary = Path(tempfile.gettempdir()) / name
    return temporary if len(os.fsencode(temporary)) <= LONGEST_PATH - 22 else Path("/tmp") / name  # noqa: S108
