"""The key of this server, of which codes and forms are made: a file beside the database, for its user alone."""

from __future__ import annotations

import os
from pathlib import Path

from engine.codes import MIN_KEY, Codes
from engine.errors import SignoffError


class KeyUnusable(SignoffError):
    """The key cannot be read or made."""


def key_path(database: Path) -> Path:
    """Where the key of this database is."""
    return database.with_name(f"{database.name}.key")


def codes(database: Path) -> Codes:
    """Codes made with the key beside the database; with a new one, if there is none yet. Raises `KeyUnusable`.

    Whoever loses it loses the codes that are under way, and nothing else.
    """
    path = key_path(database)
    try:
        return Codes(_read(path) if path.exists() else _made(path))
    except (OSError, ValueError) as error:
        raise KeyUnusable(
            f"The key {path} cannot be used ({error}). Give this user the right to read it, or remove it: "
            "a new one is made then, and only codes that are under way are lost."
        ) from error


def _read(path: Path) -> bytes:
    return bytes.fromhex(path.read_text("ascii").strip())


def _made(path: Path) -> bytes:
    key = os.urandom(MIN_KEY)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
