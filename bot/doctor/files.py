"""Checks of the place of files: whether its folder can be written, or its bucket answers and takes the keys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bot.doctor.context import NETWORK_SECONDS, CheckContext
from bot.doctor.finding import CORRECT_SETTINGS, Finding, ok, problem, warning
from bot.files import setup
from bot.settings import Settings
from engine.file_storage import FilesUnavailable

_NEEDED: Final = frozenset({"files_url", "files_key_id", "files_secret", "database_url"})
_NO_KEY: Final = "00/check"
"""A key under which there is never a file."""
_RIGHTS: Final = (
    "Check SIGNOFF_FILES_KEY_ID and SIGNOFF_FILES_SECRET. Their user has to get, put and delete objects, and list the "
    "bucket."
)


async def files(context: CheckContext) -> AsyncIterator[Finding]:
    """Check that files can be stored. Nothing is written."""
    if _NEEDED & context.unusable:
        yield warning(
            "files.place", "The place of files was not checked, because a setting is wrong.", CORRECT_SETTINGS
        )
        return
    missing = setup.missing(context.settings)
    if missing == setup.NO_PLACE:
        yield ok(
            "files.place", "No place for files is set (SIGNOFF_FILES_URL), so workflows that need files are refused."
        )
    elif missing is not None:
        yield problem("files.place", "The library for buckets is missing.", "pip install 'signoff[s3]'")
    elif (folder := setup.folder(context.settings)) is not None:
        yield _folder(folder)
    else:
        yield await _bucket(context.settings)


def _folder(folder: Path) -> Finding:
    """Return whether files can be written into the folder, or the folder can be made."""
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return problem(
            "files.place",
            f"Files cannot be stored in {folder}.",
            f"Let the user of the server write in {nearest}, or set SIGNOFF_FILES_URL to another folder.",
        )
    return ok("files.place", f"Files are stored in {folder}.")


async def _bucket(settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(NETWORK_SECONDS), setup.open_blobs(settings) as blobs:
            assert blobs is not None
            await blobs.exists(_NO_KEY)
    except FilesUnavailable as error:
        return problem("files.place", str(error), _RIGHTS)
    except TimeoutError:
        return problem("files.place", "The bucket of files does not answer.", "Check SIGNOFF_FILES_URL.")
    return ok("files.place", "The bucket of files answers, and takes the keys.")


CHECKS: Final = (files,)
