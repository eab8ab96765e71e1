"""A file with a key beside the database, which only the server's user may read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.errors import SignoffError
from engine.store import files

_MAX_SIZE: Final = 4096
"""Maximum number of bytes that are read from the file. A key has 65."""


class KeyUnusable(SignoffError):
    """The key cannot be read or created, or other users may know it."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The file. `or_else`: what else to do about one that cannot be used, as the end of a sentence."""

    path: Path
    or_else: str

    @property
    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def read(self) -> list[bytes]:
        """Return the keys in the file, one from each line of hexadecimal digits. Raises `KeyUnusable`."""
        try:
            return [bytes.fromhex(line) for line in self._read().split()]
        except OSError as error:
            advice = f"Give this user the right to read it, {self.or_else}"
            raise KeyUnusable(f"The key {self.path} cannot be used: {error.strerror}. {advice}") from error
        except ValueError:
            raise self.has_no_key() from None  # such an error may quote the content of the file

    def write(self, keys: list[bytes]) -> None:
        """Replace the file, so that a kill leaves the old one or the new one. Raises `KeyUnusable`."""
        try:
            files.write_whole(self.path, "".join(f"{key.hex()}\n" for key in keys).encode())
        except OSError as error:
            advice = f"Give this user the right to read it, {self.or_else}"
            raise KeyUnusable(f"The key {self.path} cannot be used: {error.strerror}. {advice}") from error

    def has_no_key(self) -> KeyUnusable:
        """Return the error for a file without a usable key in it."""
        advice = f"Put the key of this server there, {self.or_else}"
        return KeyUnusable(f"The key {self.path} cannot be used: it has no key in it. {advice}")

    def _read(self) -> str:
        # Non-blocking, because opening a FIFO would make the server wait for a writer.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._check_private(os.fstat(descriptor))
            return os.read(descriptor, _MAX_SIZE).decode("ascii")
        finally:
            os.close(descriptor)

    def _check_private(self, status: os.stat_result) -> None:
        """Raise `KeyUnusable` if other users may know the key, or may have replaced it."""
        path, or_else = self.path, self.or_else
        if not stat.S_ISREG(status.st_mode):
            raise KeyUnusable(f"The key {path} is not a regular file. Put the key of this server there, {or_else}")
        if os.geteuid() not in (0, status.st_uid):
            raise KeyUnusable(f"The key {path} belongs to another user. Make it this user's (chown), {or_else}")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise KeyUnusable(
                f"Other users of this machine may read or write the key {path}. If none of them did, "
                f"run `chmod 600 {path}`, {or_else}"
            )
