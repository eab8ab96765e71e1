"""The key of this server, from which codes and signed forms are derived.

It is a file beside the database that only the server's user may read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bot.key_file import KeyFile
from engine.code_derivation import MIN_KEY, Codes

_OR_REMOVE: Final = (
    "or remove it. Signoff then makes a new key: codes that are not used yet stop working, and endpoints of callbacks "
    "need new secrets (signoff callbacks rotate)."
)


def key_path(database: Path) -> Path:
    """Return the path of the key: beside the database itself, also for a symbolic link to it."""
    return Path(os.path.realpath(database) + ".key")


def load_codes(database: Path) -> Codes:
    """Return the codes of the key beside the database, and create the key if there is none. Raises `KeyUnusable`.

    A new key makes codes that were sent before useless, and the secrets of callbacks, and loses nothing else.
    """
    file = KeyFile(key_path(database), _OR_REMOVE)
    if not file.exists:
        key = os.urandom(MIN_KEY)
        file.write([key])
        return Codes(key)
    keys = file.read()
    if len(keys) != 1 or len(keys[0]) < MIN_KEY:
        raise file.has_no_key()
    return Codes(keys[0])
