"""The path of the socket of a database."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

MAX_PATH: Final = 100
"""Maximum length of a socket's path, in bytes: `sun_path` holds 104 on macOS and 108 on Linux."""
_NAME_LENGTH: Final = 22
"""Length of a socket's name in our folder, with the slash before it, in bytes."""


def socket_path(database: Path) -> Path:
    """Return the path at which the server of this database listens: beside it, or in a temporary folder.

    The temporary folder is for databases whose path is too long for a socket. Symbolic links are resolved first, so
    that every path to one file leads to one server.
    """
    real = os.path.realpath(database)
    beside = Path(real + ".sock")
    if len(os.fsencode(beside)) <= MAX_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
    return own_folder() / f"{name}.sock"


def own_folder() -> Path:
    """Return this user's folder for sockets, in the temporary folder or in /tmp if that path is too long."""
    name = f"signoff-{os.getuid()}"
    temporary = Path(tempfile.gettempdir()) / name
    return temporary if len(os.fsencode(temporary)) <= MAX_PATH - _NAME_LENGTH else Path("/tmp") / name  # noqa: S108
