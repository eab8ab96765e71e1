"""The key of this server, of which codes and forms are made: a file beside the database, for its user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from engine.code_derivation import MIN_KEY, Codes
from engine.errors import SignoffError
from engine.store import files

_LONGEST: Final = 1024
"""Bytes of the file that are read; a key has 65."""
_ANEW: Final = "or remove it: a new one is made then, and only codes that are under way are lost."


class KeyUnusable(SignoffError):
    """The key cannot be read or made, or others may know it."""


def key_path(database: Path) -> Path:
    """Where the key of this database is: beside the file itself, whatever symbolic link leads to it."""
    return Path(os.path.realpath(database) + ".key")


def load_codes(database: Path) -> Codes:
    """Codes made with the key beside the database; with a new one, if there is none yet. Raises `KeyUnusable`.

    Without it, codes that are under way are lost, and nothing else.
    """
    path = key_path(database)
    try:
        return Codes(_read(path) if os.path.lexists(path) else _make(path))
    except OSError as error:
        raise KeyUnusable(
            f"The key {path} cannot be used ({error.strerror}). Give this user the right to read it, {_ANEW}"
        ) from error
    except ValueError:
        # `from None`: such an error may quote what stands there.
        raise KeyUnusable(
            f"The key {path} cannot be used (it holds no key). Put the key of this server there, {_ANEW}"
        ) from None


def _read(path: Path) -> bytes:
    # Not blocking: a FIFO in its place would have the server wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_private(path, os.fstat(descriptor))
        return bytes.fromhex(os.read(descriptor, _LONGEST).decode("ascii").strip())
    finally:
        os.close(descriptor)


def _check_private(path: Path, found: os.stat_result) -> None:
    """Raise `KeyUnusable` where others may know the key, or may have put another in its place."""
    if not stat.S_ISREG(found.st_mode):
        raise KeyUnusable(f"The key {path} is no regular file. Put the key of this server there, {_ANEW}")
    if os.geteuid() not in (0, found.st_uid):
        raise KeyUnusable(f"The key {path} belongs to another user. Make it this user's (chown), {_ANEW}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise KeyUnusable(
            f"Other users of this machine may read or write the key {path}. Run `chmod 600 {path}` if none of them "
            f"did, {_ANEW}"
        )


def _make(path: Path) -> bytes:
    key = os.urandom(MIN_KEY)
    files.write_whole(path, f"{key.hex()}\n".encode())
    return key
