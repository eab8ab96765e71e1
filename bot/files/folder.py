"""The port `BlobStore` over a folder: each file is written under another name, synced, and then renamed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

from engine.file_storage import CHUNK, BlobMissing, FilesUnavailable
from engine.store import files

_KEY: Final = re.compile(r"[a-z0-9]{2}/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}", re.ASCII)
"""No key leaves the folder: it has one slash, and neither part begins with a point."""
_PARTS: Final = "incoming"
"""The folder of files that are being written."""
_ABANDONED_SECONDS: Final = 3600.0
"""Age from which a file there was left by a crash, in seconds: no write takes as long."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Result = TypeVar("Result")


class FolderBlobs:
    """Stores bytes in a folder, which it makes if there is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The pool of the event loop also looks up hosts, and may be busy with that.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="files")

    def _prepare(self) -> Path:
        """Make the folder if there is none, and return that of the files that are being written."""
        parts = self._folder / _PARTS
        if not parts.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            parts.mkdir(mode=0o700, exist_ok=True)
            files.sync_folder(self._folder)
            files.sync_folder(self._folder.parent)
        return parts

    def close(self) -> None:
        """End the threads, after what they do now."""
        self._threads.shutdown()

    async def put(self, key: str, source: IO[bytes]) -> None:
        path = self._path(key)
        await self._do(lambda: self._write(path, source))

    async def open(self, key: str) -> AsyncIterator[bytes]:
        path = self._path(key)
        try:
            file = await self._do(lambda: path.open("rb"))
        except FilesUnavailable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise BlobMissing("The file is not there any more.") from error
            raise
        try:
            while chunk := await self._do(lambda: file.read(CHUNK)):
                yield chunk
        finally:
            file.close()

    async def delete(self, key: str) -> None:
        path = self._path(key)
        await self._do(lambda: path.unlink(missing_ok=True))

    async def exists(self, key: str) -> bool:
        path = self._path(key)
        return await self._do(path.is_file)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError("this is no key of a file")
        return self._folder / key

    def _write(self, path: Path, source: IO[bytes]) -> None:
        part = self._prepare() / f"{path.name[:64]}.{secrets.token_hex(8)}"
        source.seek(0)
        try:
            with os.fdopen(files.create_private(part), "wb") as file:
                shutil.copyfileobj(source, file, CHUNK)
                file.flush()
                os.fsync(file.fileno())
                _remove_abandoned(part.parent, now=os.fstat(file.fileno()).st_mtime)
            is_new = not path.parent.is_dir()
            path.parent.mkdir(mode=0o700, exist_ok=True)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        files.sync_folder(path.parent)
        if is_new:
            files.sync_folder(self._folder)

    async def _do(self, work: Callable[[], Result]) -> Result:
        with self._said():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Turn errors of the file system into ours, with a sentence for the operator."""
        try:
            yield
        except OSError as error:
            why = "there is no room left" if error.errno in _NO_ROOM else error.strerror or type(error).__name__
            raise FilesUnavailable(f"The folder of files {self._folder} cannot be used: {why}.") from error


def _remove_abandoned(parts: Path, *, now: float) -> None:
    """Remove what crashes left there. Several processes may write in the folder. `now`: as the file system has it."""
    for left in parts.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if now - left.stat().st_mtime > _ABANDONED_SECONDS:
                left.unlink()
