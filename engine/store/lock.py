"""The lock of a database: beside the file and on the file itself, so that no other name of it avoids it."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.errors import StoreError, StoreLocked, StoreReadOnly
from engine.store.files import create_private

_PLACE: Final = 2**62
"""The byte of the file that is locked: SQLite locks other bytes, and no byte near it is ever written."""
_AS_SERVER: Final = "Run this command as the user of the server."
_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def real_path(path: Path) -> Path:
    """Return the path without symbolic links, also if the file does not exist yet."""
    return Path(os.path.realpath(path))


def lock_path(path: Path) -> Path:
    """Return the path of the lock beside the real file, so that symbolic links to one file share it."""
    real = real_path(path)
    return real.with_name(real.name + ".lock")


@contextmanager
def own(path: Path) -> Iterator[None]:
    """Own the file while the body runs; create an empty one if there is none. No SQLite connection may outlive it.

    Raises `StoreLocked` if another process owns the file under any name: a hard link, a mount, a symbolic link.
    """
    with _held_beside(path), _held_inside(path):
        yield


@contextmanager
def _held_beside(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreReadOnly(
            f"The database folder {path.parent} cannot be used: {error.strerror}. "
            "Let this user write there, or set SIGNOFF_DATABASE_URL to another file."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _in_use(path) from error
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _held_inside(path: Path) -> Iterator[None]:
    """Lock the inode. Closing the descriptor drops this process's POSIX locks on the file, so it is closed last."""
    make_file(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise StoreReadOnly(f"The database {path} cannot be written. Let this user write to it.") from error
    try:
        _lock_inode(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _lock_inode(descriptor: int, path: Path) -> None:
    """Take a lock of the open file description: unlike a POSIX lock, SQLite's own opening and closing leaves it."""
    command: int | None = getattr(fcntl, "F_OFD_SETLK", None)
    if command is None:  # macOS and BSD only have the lock beside the file
        return
    try:
        fcntl.fcntl(descriptor, command, _range())
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise _in_use(path) from error
        if error.errno not in _UNSUPPORTED:
            raise StoreError(
                f"The database {path} cannot be locked: {error.strerror}. Move it to a local disk."
            ) from error


def _range() -> bytes:
    return struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, _PLACE, 1, 0)


def _in_use(path: Path) -> StoreLocked:
    return StoreLocked(f"Another Signoff process uses {path}. Stop it, or set SIGNOFF_DATABASE_URL to another file.")


def is_held(path: Path) -> bool:
    """Return whether another process owns the file, without creating anything.

    Call it only if this process has no connection to the file open. Raises `StoreReadOnly` if this user may not
    see the lock.
    """
    return _is_held_beside(lock_path(path)) or _is_held_inside(path)


def _is_held_beside(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreReadOnly(f"The lock {lock} cannot be read: {error.strerror}. {_AS_SERVER}") from error
    try:
        # A shared lock, released at once, so that other processes can check at the same time.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_held_inside(path: Path) -> bool:
    command: int | None = getattr(fcntl, "F_OFD_GETLK", None)
    if command is None or not path.is_file():
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreReadOnly(f"The database {path} cannot be read: {error.strerror}. {_AS_SERVER}") from error
    try:
        answer = fcntl.fcntl(descriptor, command, _range())
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return bool(struct.unpack_from("h", answer)[0] != fcntl.F_UNLCK)


def check_regular(path: Path) -> None:
    """Raise `StoreError` if the path names a folder or a device."""
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device or a pipe"
        raise StoreError(f"{path} is {kind}, not a database. Set SIGNOFF_DATABASE_URL to a file.")


def make_file(path: Path) -> None:
    """Create an empty private file if there is none. Raises `StoreError` if that fails."""
    check_regular(path)
    try:
        if not path.exists():
            os.close(create_private(path))
    except OSError as error:
        raise StoreReadOnly(
            f"The database {path} cannot be created: {error.strerror}. "
            "Let this user write to its folder, or set SIGNOFF_DATABASE_URL to another file."
        ) from error
