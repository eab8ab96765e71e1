"""Files: taking them in, letting runs use them, reading them with a check of their digest, and removing them.

The bytes are in a `BlobStore`, and a row says whose they are. The row is written before the bytes and deleted after
them, so that no bytes are left without one, whatever crashes.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Final

from engine import file_names, file_references, media_types
from engine.domain import DEFAULT_WORKSPACE, FileRefused, FileUpload, Work
from engine.errors import StepError
from engine.fields import Field, FieldType
from engine.file_references import FileReference
from engine.file_storage import NO_PLACE, BlobMissing, BlobStore, FilesUnavailable, OpenFile, Scanner, ScanResult
from engine.json_values import Value
from engine.off_loop import off_loop
from engine.store import attachments
from engine.store.port import Store, Tx

log = logging.getLogger(__name__)

MAX_SIZE: Final = 20_000_000
"""Default of the maximum size of a file, in bytes."""
MOST_UNUSED: Final = 50
"""Maximum number of files of one uploader that no run uses."""
_IN_MEMORY: Final = 1_000_000
"""Size up to which a file that comes in is held in memory, in bytes."""
_SCANS: Final[Mapping[ScanResult, FileRefused]] = {
    ScanResult.INFECTED: FileRefused(name="", why="infected"),
    ScanResult.NOT_CHECKED: FileRefused(name="", why="not_checked"),
}


@dataclass(frozen=True, slots=True)
class _Received:
    """What came in: the bytes, with their size and digest."""

    source: IO[bytes]
    size: int
    sha256: str
    head: bytes


class _FileTooLarge(Exception):
    """A file is larger than files may be."""


class Attachments:
    """The files of a database. `blobs`: where their bytes are; None if no place is set up.

    `scanner`: looks for malware in what comes in. `max_size`: of a file, in bytes.
    """

    def __init__(
        self, store: Store, blobs: BlobStore | None, *, scanner: Scanner | None = None, max_size: int = MAX_SIZE
    ) -> None:
        self._store, self._blobs, self._scanner, self.max_size = store, blobs, scanner, max_size

    @property
    def is_set_up(self) -> bool:
        """Return whether files can be stored."""
        return self._blobs is not None

    # -- taking in --

    async def receive(self, upload: FileUpload) -> FileReference | FileRefused:
        """Take a file in, and return the reference with which a run can use it."""
        name = file_names.cleaned(upload.name)
        if self._blobs is None:
            return FileRefused(name=name, why="no_place")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
            try:
                received = await _spooled(upload.chunks, spool, most=self.max_size)
            except _FileTooLarge:
                return FileRefused(name=name, why="too_large", limit=self.max_size)
            if received.size == 0:
                return FileRefused(name=name, why="empty")
            refused = await self._scan(received, name)
            return refused or await self._keep(self._blobs, upload, name, received)

    async def _scan(self, received: _Received, name: str) -> FileRefused | None:
        if self._scanner is None:
            return None
        received.source.seek(0)
        result = await self._scanner.scan(received.source)
        if result is ScanResult.CLEAN:
            return None
        log.warning("a file was refused: %s", result.value)
        return FileRefused(name=name, why=_SCANS[result].why)

    async def _keep(
        self, blobs: BlobStore, upload: FileUpload, name: str, received: _Received
    ) -> FileReference | FileRefused:
        uploader = None if upload.uploader is None else upload.uploader.value

        def begin(tx: Tx) -> FileReference | None:
            if uploader is not None:
                tx.take_turn(f"files of {uploader}")
                if attachments.count_unused(tx.connection, upload.workspace, uploader) >= MOST_UNUSED:
                    return None
            file = FileReference(
                id=tx.ids.token(),
                name=name,
                type=media_types.sniffed(received.head, name),
                size=received.size,
                sha256=received.sha256,
            )
            attachments.begin(tx, upload.workspace, file, uploader=uploader, scanned=self._scanner is not None)
            return file

        file = await self._store.transact(begin)
        if file is None:
            return FileRefused(name=name, why="too_many", limit=MOST_UNUSED)
        received.source.seek(0)
        try:
            await blobs.put(_key(file), received.source)
        except FilesUnavailable as error:
            log.error("a file could not be stored: %s", error)
            return FileRefused(name=name, why="unavailable")
        is_kept = await self._store.transact(partial(attachments.keep, file=file.id))
        return file if is_kept else FileRefused(name=name, why="unavailable")

    # -- steps --

    async def open(self, value: Value, *, run: str) -> OpenFile:
        """Return the file of a run that a value refers to, checked against its digest. Raises `StepError`."""
        file = file_references.find(value)
        if file is None:
            raise StepError("A file is expected here, and this is none.")
        known = await self._store.read(lambda connection: attachments.load(connection, run, file.id))
        if known != file:
            raise StepError(f"“{file.name}” is no file of this run.")
        with _for_steps():
            return OpenFile(reference=file, data=await self._read(file))

    async def save(self, name: str, chunks: AsyncIterator[bytes], *, run: str) -> FileReference:
        """Store a file that a step of a run made. Raises `StepError`."""
        result = await self.receive(FileUpload(name=name, chunks=chunks, uploader=None))
        if isinstance(result, FileRefused):
            sentence = _REFUSED_TO_STEPS[result.why].format(name=result.name)
            raise StepError(sentence, retryable=result.why == "unavailable")
        use = partial(attachments.use, workspace=DEFAULT_WORKSPACE, run=run, file=result, requester="")
        await self._store.transact(use)
        return result

    # -- pages --

    async def load(self, run: str, file: str) -> OpenFile | None:
        """Return a file that a run uses, checked against its digest, or None. Raises `FilesUnavailable`."""
        known = await self._store.read(lambda connection: attachments.load(connection, run, file))
        return None if known is None else OpenFile(reference=known, data=await self._read(known))

    async def _read(self, file: FileReference) -> bytes:
        """Return the bytes. Raises `FileChanged` if they are others than those of the digest."""
        if self._blobs is None:
            raise FilesUnavailable(NO_PLACE)
        data = bytearray()
        async for chunk in self._blobs.open(_key(file)):
            data += chunk
            if len(data) > file.size:
                break
        digest = await off_loop(lambda: hashlib.sha256(data).hexdigest(), large=len(data) > _IN_MEMORY)
        if len(data) != file.size or digest != file.sha256:
            log.error("the stored bytes of a file are not those of its digest %s", file.sha256)
            raise FileChanged(f"The stored bytes of “{file.name}” were changed, so they are not used.")
        return bytes(data)

    # -- removing --

    async def remove_due(self, workspace: str) -> None:
        """Remove files that no run uses any more: first their bytes, then their rows."""
        if self._blobs is None:
            return
        due = await self._store.transact(partial(attachments.begin_removal, workspace=workspace))
        for file in due:
            await self._blobs.delete(_key_of(file.id, file.sha256))
        ids = [file.id for file in due]

        def forget(tx: Tx) -> None:
            attachments.remove(tx, ids)
            if len(ids) == attachments.REMOVED_AT_ONCE:
                tx.enqueue(Work("process_due", f"{attachments.WORK}{workspace}"))

        await self._store.transact(forget)


class FileChanged(FilesUnavailable):
    """The stored bytes of a file are not those of its digest."""


@contextmanager
def _for_steps() -> Iterator[None]:
    """Turn errors of reading into those of a step."""
    try:
        yield
    except (FileChanged, BlobMissing) as error:
        raise StepError(str(error)) from error
    except FilesUnavailable as error:
        raise StepError(str(error), retryable=True) from error


_REFUSED_TO_STEPS: Final = {
    "too_large": "“{name}” is larger than files may be on this server.",
    "empty": "“{name}” is empty.",
    "infected": "“{name}” was refused: the scanner found malware in it.",
    "not_checked": "“{name}” was refused: it could not be checked for malware.",
    "too_many": "Too many files wait to be used.",
    "unavailable": "“{name}” could not be stored.",
    "no_place": NO_PLACE,
}


def _key(file: FileReference) -> str:
    return _key_of(file.id, file.sha256)


def _key_of(file: str, sha256: str) -> str:
    """Return where the bytes are: their digest, and the id, so that each file can be removed by itself."""
    return f"{sha256[:2]}/{sha256}.{file}"


async def _spooled(chunks: AsyncIterator[bytes], spool: IO[bytes], *, most: int) -> _Received:
    """Read a file that comes in. Raises `_FileTooLarge` with the first byte too many."""
    digest, size, head = hashlib.sha256(), 0, b""
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _FileTooLarge
        if len(head) < media_types.HEAD:
            head += chunk[: media_types.HEAD - len(head)]
        digest.update(chunk)
        spool.write(chunk)
    return _Received(source=spool, size=size, sha256=digest.hexdigest(), head=head)


# -- runs that use files ------------------------------------------------------------------------------------


def files_in(declared: Mapping[str, Field], values: Mapping[str, Value]) -> dict[str, FileReference]:
    """Return the files in the values of file fields, by name."""
    found = {
        name: file_references.find(values.get(name)) for name, field in declared.items() if field.type is FieldType.FILE
    }
    return {name: file for name, file in found.items() if file is not None}


def unusable(tx: Tx, workspace: str, run: str, files: Mapping[str, FileReference], *, requester: str) -> dict[str, str]:
    """Return a predicate for each name whose file the run may not use."""
    may = partial(attachments.may_use, tx, workspace, run, requester=requester)
    return {name: GONE for name, file in files.items() if not may(file)}


def use(tx: Tx, workspace: str, run: str, files: Mapping[str, FileReference], *, requester: str) -> None:
    """Let a run use files that it may use. Raises `Conflict` if one was taken meanwhile."""
    for file in files.values():
        attachments.use(tx, workspace, run, file, requester=requester)


GONE: Final = "must be uploaded again: the file is not here any more"
