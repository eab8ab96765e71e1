"""Checks of the folder of the database: disk space, file system, permissions."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bot.doctor import database
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, problem, warning

MOUNTS: Final = Path("/proc/self/mountinfo")
_LOW_SPACE: Final = 256 * 1024 * 1024
"""Free bytes beyond a copy of the database, below which a warning is due."""
_NO_SPACE: Final = 32 * 1024 * 1024
"""Free bytes below which the disk counts as full: a busy server's write-ahead log needs more between checkpoints."""
_NETWORK: Final = re.compile(
    r"(nfs\d?|cifs|smb\w*|afs|ceph|9p|lustre|gpfs|ocfs2|gfs2|glusterfs|davfs|ncpfs|virtiofs|prl_fs|vboxsf"
    r"|fuse\.(?!fuseblk|ntfs|exfat|bindfs|mergerfs).+)"
)
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def disk_space(context: CheckContext) -> Iterator[Finding]:
    """Check that the database can grow, and can be copied before a migration."""
    if context.database is None:
        return
    folder, needed = _folder(context.database), database.size(context.database)
    free = shutil.disk_usage(folder).free
    space = f"{_bytes(free)} are free beside a database of {_bytes(needed)}"
    if free < _NO_SPACE:
        yield problem(
            "database.disk", f"The disk is full: {space}.", "Free disk space; nothing can be saved without it."
        )
    elif free < needed + _LOW_SPACE:
        yield warning("database.disk", f"{space}, which is not enough for a copy of it.", "Free space on its disk.")
    else:
        yield ok("database.disk", f"{space}.")


def file_system(context: CheckContext) -> Iterator[Finding]:
    """Check that file locks work, and that the database survives a restart."""
    if context.database is None:
        return
    folder = _folder(context.database)
    kind = kind_of(folder)
    if kind is None:
        yield ok("database.file_system", "This system does not report which file system the database is on.")
    elif _NETWORK.fullmatch(kind):
        yield warning(
            "database.file_system",
            f"{folder} is on {kind}, a network file system or one of another machine. File locks may not work there.",
            "Move the database to a local disk. Two servers that use it at once would destroy it.",
        )
    elif kind in _IN_MEMORY:
        yield warning(
            "database.file_system",
            f"{folder} is on {kind}, in memory: the database is lost at the next restart.",
            "Move the database to a disk.",
        )
    else:
        yield ok("database.file_system", f"The database is on {kind}, a local file system.")


def kind_of(folder: Path) -> str | None:
    """Return the type of the file system of a folder. Of several mounts, the last with the longest path counts."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    longest, kind = -1, None
    for line in lines:
        mount, _, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not source:
            continue
        mount_point = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), fields[4]))
        if folder.is_relative_to(mount_point) and len(mount_point.parts) >= longest:
            longest, kind = len(mount_point.parts), source.split(" ")[0]
    return kind


def permissions(context: CheckContext) -> Iterator[Finding]:
    """Check that this user may write the database, and that other users may not open it."""
    path = context.database
    if path is None:
        return
    folder = _folder(path)
    unwritable = [item for item in (path, folder) if item.exists() and not os.access(item, os.W_OK)]
    if unwritable:
        yield problem(
            "database.permissions",
            f"This user cannot write {' and '.join(map(str, unwritable))}.",
            "Let the user of the server write there, and run this command as that user.",
        )
    if not path.is_file():
        return
    exposed = [item for item in _files(path) if stat.S_IMODE(item.stat().st_mode) & 0o077]
    if any(stat.S_IMODE(item.stat().st_mode) & 0o022 for item in exposed):
        yield problem(
            "database.permissions",
            f"Other users of this machine may write {_names(exposed)}, so they could decide for anyone.",
            f"Run: chmod 600 {_names(exposed)}",
        )
    elif exposed:
        yield warning(
            "database.permissions",
            f"Other users of this machine may read {_names(exposed)}, with everything that people were asked.",
            f"Run: chmod 600 {_names(exposed)}",
        )
    elif not unwritable:
        yield ok("database.permissions", "Only this user may read and write the database.")


def _files(path: Path) -> list[Path]:
    """Return the database, the files that SQLite keeps beside it, and the key."""
    real = path.resolve()
    siblings = (real.with_name(real.name + suffix) for suffix in ("", "-wal", "-shm", ".key"))
    return [sibling for sibling in siblings if sibling.is_file()]


def _names(paths: list[Path]) -> str:
    return " ".join(map(str, paths))


def _folder(path: Path) -> Path:
    """Return the nearest existing folder above the file."""
    return next(parent for parent in path.resolve().parents if parent.is_dir())


def _bytes(count: int) -> str:
    """Format a size for people."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


CHECKS: Final = (permissions, disk_space, file_system)
