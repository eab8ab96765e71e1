"""What stores the bytes of files, what looks for malware in them, and how steps use them: the ports, with contracts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, Final, Protocol

from engine.errors import SignoffError
from engine.file_references import FileReference
from engine.json_values import Value

CHUNK: Final = 65_536
"""Bytes of a file that are read at once."""
NO_PLACE: Final = "This server has no place for files: set SIGNOFF_FILES_URL."


class FilesUnavailable(SignoffError):
    """The place where files are stored does not answer, has no room, or does not let us."""


class BlobMissing(FilesUnavailable):
    """There is nothing under this key."""


class BlobStore(Protocol):
    """Stores bytes under keys. `tests/contract/test_blob_stores.py` holds every implementation to this.

    A key is `[a-z0-9]{2}/` and then letters, digits, `.`, `_` and `-`. Each key is written once. Every method raises
    `FilesUnavailable` if the place cannot be used.
    """

    async def put(self, key: str, source: IO[bytes]) -> None:
        """Store everything that `source` holds from its start. Afterwards a power cut does not lose it.

        A reader sees all of it or nothing. A second call replaces what the first one left.
        """

    def open(self, key: str) -> AsyncIterator[bytes]:
        """Yield the bytes in pieces. Raises `BlobMissing`."""

    async def delete(self, key: str) -> None:
        """Delete the bytes. Do nothing if there are none."""

    async def exists(self, key: str) -> bool:
        """Return whether there are bytes under this key."""


class ScanResult(Enum):
    """What a scanner found in a file."""

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_CHECKED = "not_checked"


class Scanner(Protocol):
    """Looks for malware."""

    async def scan(self, source: IO[bytes]) -> ScanResult:
        """Return what is in the file. Never raises: a scanner that fails has not checked it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A file whose bytes are those of its digest."""

    reference: FileReference
    data: bytes = field(repr=False)


class StepFiles(Protocol):
    """The files that the steps of a run use and make. `max_size`: of a file, in bytes."""

    max_size: int

    async def open(self, value: Value, *, run: str) -> OpenFile:
        """Return the file that a value refers to, checked against its digest.

        Raises `StepError` if the value is no file of this run, or its bytes are not those that were approved.
        """

    async def save(self, name: str, chunks: AsyncIterator[bytes], *, run: str) -> FileReference:
        """Store a file that a step made. Raises `StepError` if it is too large or cannot be stored."""
