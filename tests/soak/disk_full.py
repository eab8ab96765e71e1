"""Taking the room away that a database needs: on a disk of its own where we may mount one, else by a limit.

The small disk is real: the file system has no block left, and SQLite says `database or disk is full`. It takes root.
The limit (RLIMIT_FSIZE, on the server alone) takes nothing: every write fails with EFBIG, and SQLite says `disk I/O
error`, which Signoff counts among the ways in which a disk is full.
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
"""Of the small disk while it has room: far more than an hour needs. It takes only what is written."""


class Room(Protocol):
    """A way to take all room away, and to give it back."""

    name: str

    async def take(self) -> None:
        """Leave none. Called again and again while there is to be none."""

    async def give(self) -> None:
        """As much as before."""


class SmallDisk:
    """A file system that shrinks to what is in it."""

    name = "a full file system"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def take(self) -> None:
        found = os.statvfs(self._folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        # Something may be written between the look and the command, and then it is refused.
        await self._resize(f"{max(used, found.f_frsize) // 1024}k")

    async def give(self) -> None:
        await self._resize(f"{MEGABYTES}m")

    async def _resize(self, size: str) -> None:
        mounting = await asyncio.create_subprocess_exec(
            "mount", "-o", f"remount,size={size}", str(self._folder), stderr=asyncio.subprocess.DEVNULL
        )
        await mounting.wait()


class Limit:
    """No byte may be written by the servers."""

    name = "a limit on files"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def take(self) -> None:
        self._servers.limit(0)

    async def give(self) -> None:
        self._servers.limit(resource.RLIM_INFINITY)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of its own in this folder while the body runs, if we may; whether we may."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None and _mount(folder)
    try:
        yield mounted
    finally:
        if mounted:
            # Lazily: what still has a file open there must not keep a campaign from ending.
            subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "signoff-soak", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
