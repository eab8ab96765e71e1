"""Where the database lies: room, file system, permissions."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bot.doctor import database
from bot.doctor.context import Case
from bot.doctor.finding import Finding, ok, problem, warning

MOUNTS: Final = Path("/proc/self/mountinfo")
_NEAR: Final = 256 * 1024 * 1024
_FULL: Final = 32 * 1024 * 1024
"""Less than the log that a busy server writes between two checkpoints."""
_NETWORK: Final = re.compile(
    r"(nfs\d?|cifs|smb\w*|afs|ceph|9p|lustre|gpfs|ocfs2|gfs2|glusterfs|davfs|ncpfs|virtiofs|prl_fs|vboxsf"
    r"|fuse\.(?!fuseblk|ntfs|exfat|bindfs|mergerfs).+)"
)
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def room(case: Case) -> Iterator[Finding]:
    """Whether the database can grow, and be copied before a migration."""
    if case.database is None:
        return
    folder, needed = _folder(case.database), database.size(case.database)
    free = shutil.disk_usage(folder).free
    told = f"{_bytes(free)} are free beside a database of {_bytes(needed)}"
    if free < _FULL:
        yield problem("database.disk", f"The disk is full: {told}.", "Make room; nothing can be saved without it.")
    elif free < needed + _NEAR:
        yield warning("database.disk", f"{told}: not enough for a copy of it.", "Make room on its disk.")
    else:
        yield ok("database.disk", f"{told}.")


def file_system(case: Case) -> Iterator[Finding]:
    """Whether locks can be relied on, and whether it outlives a restart."""
    if case.database is None:
        return
    folder = _folder(case.database)
    kind = kind_of(folder)
    if kind is None:
        yield ok("database.file_system", "This system does not tell what kind of file system the database is on.")
    elif _NETWORK.fullmatch(kind):
        yield warning(
            "database.file_system",
            f"{folder} is on {kind}, a file system of a network or of another machine, where locks may not hold.",
            "Move the database to a local disk: two servers on it at once would destroy it.",
        )
    elif kind in _IN_MEMORY:
        yield warning(
            "database.file_system",
            f"{folder} is on {kind}, in memory: the database is gone with the next restart.",
            "Move the database to a disk.",
        )
    else:
        yield ok("database.file_system", f"The database is on {kind}, a local file system.")


def kind_of(folder: Path) -> str | None:
    """The file system that a folder is on; the last mount of the longest path covers the others."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    best, kind = -1, None
    for line in lines:
        mount, _, about = line.partition(" - ")
        words = mount.split(" ")
        if len(words) < 5 or not about:
            continue
        place = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), words[4]))
        if folder.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), about.split(" ")[0]
    return kind


def permissions(case: Case) -> Iterator[Finding]:
    """Whether we may write it, and nobody else may look into it."""
    path = case.database
    if path is None:
        return
    folder = _folder(path)
    barred = [one for one in (path, folder) if one.exists() and not os.access(one, os.W_OK)]
    if barred:
        yield problem(
            "database.permissions",
            f"This user cannot write {' and '.join(map(str, barred))}.",
            "Give the user of the server the right to, and run this command as that user.",
        )
    if not path.is_file():
        return
    open_to = [one for one in _files(path) if stat.S_IMODE(one.stat().st_mode) & 0o077]
    if any(stat.S_IMODE(one.stat().st_mode) & 0o022 for one in open_to):
        yield problem(
            "database.permissions",
            f"Other users of this machine may write {_names(open_to)}, and so decide for anybody.",
            f"chmod 600 {_names(open_to)}",
        )
    elif open_to:
        yield warning(
            "database.permissions",
            f"Other users of this machine may read {_names(open_to)}, with all that people were asked.",
            f"chmod 600 {_names(open_to)}",
        )
    elif not barred:
        yield ok("database.permissions", "Only this user may read and write the database.")


def _files(path: Path) -> list[Path]:
    """The database, what SQLite keeps beside it, and the key."""
    real = path.resolve()
    return [one for end in ("", "-wal", "-shm", ".key") if (one := real.with_name(real.name + end)).is_file()]


def _names(paths: list[Path]) -> str:
    return " ".join(map(str, paths))


def _folder(path: Path) -> Path:
    """Where the file lies, or would: the nearest folder that is there."""
    return next(one for one in path.resolve().parents if one.is_dir())


def _bytes(count: int) -> str:
    """A size that people read."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


CHECKS: Final = (permissions, room, file_system)
