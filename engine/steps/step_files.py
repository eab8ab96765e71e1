"""The files that steps use: the parameter that names them, and opening them with a check of their digests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from engine import file_references
from engine.errors import InvalidValue, StepError
from engine.file_storage import CHUNK, NO_PLACE, OpenFile, StepFiles
from engine.json_values import Value
from engine.media_types import size_in_words
from engine.ports import StepContext

MOST: Final = 10
"""Maximum number of files of one step."""
MAX_TOGETHER: Final = 25_000_000
"""Maximum size of the files that one step sends together, in bytes: most mail servers take no more."""


async def open_files(files: StepFiles | None, values: Sequence[Value], context: StepContext) -> tuple[OpenFile, ...]:
    """Return the files that parameters refer to, checked against their digests. Raises `StepError`."""
    if not values:
        return ()
    if files is None:
        raise StepError(NO_PLACE)
    opened: list[OpenFile] = []
    for value in values:
        opened.append(await files.open(value, run=context.run))
        total = sum(len(file.data) for file in opened)
        if total > MAX_TOGETHER:
            limit = size_in_words(MAX_TOGETHER)
            raise StepError(f"The files have more than {limit} together, so nothing was sent.")
    return tuple(opened)


def checked(files: object) -> tuple[Any, ...]:
    """Return the references in a parameter, without those that were left empty. Raises `InvalidValue`."""
    if not isinstance(files, list | tuple):
        raise InvalidValue('must be a list of files, like ["{{ inputs.invoice }}"]')
    references = tuple(file_references.read(file).value for file in files if file is not None)
    if len(references) > MOST:
        raise InvalidValue(f"may be at most {MOST} files, and there are {len(references)}")
    return references


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield bytes in pieces."""
    for at in range(0, len(data), CHUNK):
        yield data[at : at + CHUNK]
