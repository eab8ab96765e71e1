"""Ways to fill the disk of the database: a small file system if we may mount one, or a file size limit.

The small file system needs root. It has no block left, and SQLite reports `database or disk is full`.
The limit (RLIMIT_FSIZE, on the server alone) needs no privilege: every write fails with EFBIG, and SQLite reports
`disk I/O error`, which Signoff also treats as a full disk.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from tests.soak.servers import Servers

MEGABYTES: Final = 512
"""Size of the small disk while it is not full, in MiB: far more than an hour needs. Unused space costs nothing."""


class DiskSpace(Protocol):
    """A way to take all free space away, and to give it back."""

    name: str

    async def take(self) -> None:
        """Take all free space. Called repeatedly while the disk is to stay full."""

    async def give(self) -> None:
        """Give the space back."""


class SmallDisk:
    """A file system that shrinks to what is in it."""

    name = "a full file system"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def take(self) -> None:
        status = os.statvfs(self._folder)
        used_bytes = (status.f_blocks - status.f_bfree) * status.f_frsize
        # A write between this reading and the command makes the command fail; the next call tries again.
        await self._resize(f"{max(used_bytes, status.f_frsize) // 1024}k")

    async def give(self) -> None:
        await self._resize(f"{MEGABYTES}m")

    async def _resize(self, size: str) -> None:
        process = await asyncio.create_subprocess_exec(
            "mount", "-o", f"remount,size={size}", str(self._folder), stderr=asyncio.subprocess.DEVNULL
        )
        await process.wait()


class Limit:
    """A limit of zero bytes on the files that the servers write."""

    name = "a limit on files"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def take(self) -> None:
        self._servers.limit(0)

    async def give(self) -> None:
        self._servers.limit(resource.RLIM_INFINITY)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system in this folder while the body runs, if permitted. Yield whether it is mounted."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None and _mount(folder)
    try:
        yield mounted
    finally:
        if mounted:
            # Unmount lazily, because a process with an open file there must not keep the campaign from ending.
            subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "signoff-soak", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
