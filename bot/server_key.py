"""The key of this server, from which codes and signed forms are derived.

It is a file beside the database that only the server's user may read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from engine.code_derivation import MIN_KEY, Codes
from engine.errors import SignoffError
from engine.store import files

_MAX_SIZE: Final = 1024
"""Maximum number of bytes that are read from the file. A key has 65."""
_OR_REMOVE: Final = (
    "or remove it. Signoff then makes a new key: codes that are not used yet stop working, and endpoints of callbacks "
    "need new secrets (signoff callbacks rotate)."
)


class KeyUnusable(SignoffError):
    """The key cannot be read or created, or other users may know it."""


def key_path(database: Path) -> Path:
    """Return the path of the key: beside the database itself, also for a symbolic link to it."""
    return Path(os.path.realpath(database) + ".key")


def load_codes(database: Path) -> Codes:
    """Return the codes of the key beside the database, and create the key if there is none. Raises `KeyUnusable`.

    A new key makes codes that were sent before useless, and the secrets of callbacks, and loses nothing else.
    """
    path = key_path(database)
    try:
        return Codes(_read(path) if os.path.lexists(path) else _create(path))
    except OSError as error:
        advice = f"Give this user the right to read it, {_OR_REMOVE}"
        raise KeyUnusable(f"The key {path} cannot be used: {error.strerror}. {advice}") from error
    except ValueError:
        # `from None`: such an error may quote the content of the file.
        advice = f"Put the key of this server there, {_OR_REMOVE}"
        raise KeyUnusable(f"The key {path} cannot be used: it has no key in it. {advice}") from None


def _read(path: Path) -> bytes:
    # Non-blocking, because opening a FIFO would make the server wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_private(path, os.fstat(descriptor))
        return bytes.fromhex(os.read(descriptor, _MAX_SIZE).decode("ascii").strip())
    finally:
        os.close(descriptor)


def _check_private(path: Path, status: os.stat_result) -> None:
    """Raise `KeyUnusable` if other users may know the key, or may have replaced it."""
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnusable(f"The key {path} is not a regular file. Put the key of this server there, {_OR_REMOVE}")
    if os.geteuid() not in (0, status.st_uid):
        raise KeyUnusable(f"The key {path} belongs to another user. Make it this user's (chown), {_OR_REMOVE}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise KeyUnusable(
            f"Other users of this machine may read or write the key {path}. If none of them did, "
            f"run `chmod 600 {path}`, {_OR_REMOVE}"
        )


def _create(path: Path) -> bytes:
    key = os.urandom(MIN_KEY)
    files.write_whole(path, f"{key.hex()}\n".encode())
    return key
