"""Private files beside a database, written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def create_private(path: Path) -> int:
    """Create a file that only this user may read and write, whatever the umask, and return its descriptor.

    Raises `FileExistsError` if the path exists, and `OSError` if the file cannot be created.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def free(path: Path, *, before: str = "") -> Path:
    """Return the path, or one with a number if it exists. `before`: the ending that the number precedes."""
    stem = path.name.removesuffix(before)
    names = (f"{stem}{number}{before}" for number in ("", *(f"-{counter}" for counter in range(2, 1000))))
    return next(candidate for name in names if not os.path.lexists(candidate := path.with_name(name)))


def write_whole(path: Path, content: bytes) -> None:
    """Write a private file so that a kill or a power cut leaves the old one or the new one. Raises `OSError`."""
    part = path.with_name(path.name + ".part")
    # Left by a process that was killed while it wrote.
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(create_private(part), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that the names in it survive a power cut. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
