"""Sets up the place of files and the scanner from the settings, and says what is missing if there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot import file_places
from bot.files.folder import FolderBlobs
from bot.files.scanner import CommandScanner
from bot.settings import Settings
from engine.file_storage import BlobStore, Scanner

_LIBRARY: Final = "obstore"
NO_PLACE: Final = (
    "This server has no place for files: set SIGNOFF_FILES_URL to a folder that all its servers share, or to a bucket."
)
NOT_INSTALLED: Final = (
    "The files of this server are in a bucket, and the library for it is missing: pip install 'signoff[s3]'"
)


def folder(settings: Settings) -> Path | None:
    """Return the folder of files, or None if they are in a bucket or have no place."""
    if settings.files_url:
        return file_places.parse(settings.files_url).folder
    return None if settings.server_url is not None else settings.database.with_name(f"{settings.database.name}.files")


def missing(settings: Settings) -> str | None:
    """Return what has to be done on this server before files can be stored, or None."""
    if folder(settings) is not None:
        return None
    if not settings.files_url:
        return NO_PLACE
    return NOT_INSTALLED if find_spec(_LIBRARY) is None else None


@asynccontextmanager
async def open_blobs(settings: Settings) -> AsyncIterator[BlobStore | None]:
    """Open the place of files for the time of the body, or yield None if there is none.

    A folder is made by the first file that is stored.
    """
    where = folder(settings)
    if where is not None:
        blobs = FolderBlobs(where)
        try:
            yield blobs
        finally:
            blobs.close()
    elif missing(settings) is not None:
        yield None
    else:
        # Imported here, because the library is optional.
        from bot.files.object_storage import open_bucket

        yield open_bucket(
            file_places.parse(settings.files_url),
            key_id=settings.files_key_id.get_secret_value(),
            secret=settings.files_secret.get_secret_value(),
        )


def scanner(settings: Settings) -> Scanner | None:
    """Return the scanner of the settings, or None."""
    return CommandScanner(settings.scan_command) if settings.scan_command else None
