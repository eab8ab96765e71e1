"""Files that come with the form of a page: limited while they are read, taken in once their sender is known."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartParser

from bot.presentation import file_refusals
from engine import json_values
from engine.domain import Address, FileRefused, FileUpload
from engine.file_references import FileReference
from engine.file_storage import CHUNK
from engine.service.attachments import Attachments

MOST_FILES: Final = 100
"""Maximum number of file inputs of a form."""
TOGETHER: Final = 5
"""The files of one form may together have so many times the size of one file."""
_TOO_LARGE: Final = "x-signoff-too-large"
"""The header of a part whose file was larger than files may be. What came of it is dropped."""


class LimitedParser(MultiPartParser):
    """Reads a form with files. Of a file that is too large it keeps nothing, and goes on with the next field."""

    def __init__(
        self, headers: Headers, stream: AsyncGenerator[bytes, None], *, most: int, max_fields: int, max_part_size: int
    ) -> None:
        super().__init__(headers, stream, max_files=MOST_FILES, max_fields=max_fields, max_part_size=max_part_size)
        self._most, self._left = most, most * TOGETHER
        self._sizes: dict[int, int] = {}

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        file = self._current_part.file
        if file is None:
            super().on_part_data(data, start, end)
            return
        size = self._sizes[id(file)] = self._sizes.get(id(file), 0) + end - start
        self._left -= end - start
        if size <= self._most and self._left >= 0:
            super().on_part_data(data, start, end)
        else:
            file.headers = Headers({_TOO_LARGE: "yes"})


@dataclass(frozen=True, slots=True)
class TakenFiles:
    """A form whose files are taken in: each is the text of its reference.

    `wrong`: a predicate for each input whose file was refused, by its name. `is_too_large`: whether one was too large.
    """

    form: FormData
    wrong: Mapping[str, str] = field(default_factory=dict)
    is_too_large: bool = False


async def take(form: FormData, names: frozenset[str], files: Attachments, uploader: Address) -> TakenFiles:
    """Take the files of a form in. `names`: the inputs that take one; other files are dropped."""
    items, wrong, is_too_large = list[tuple[str, str | UploadFile]](), dict[str, str](), False
    for name, value in form.multi_items():
        if isinstance(value, str):
            items.append((name, value))
        elif name in names and (value.filename or value.size):
            result = await _take(value, files, uploader)
            if isinstance(result, FileRefused):
                wrong[name] = file_refusals.sentence(result)
                is_too_large |= result.why == "too_large"
            else:
                items.append((name, json_values.dumps(result.value)))
    await form.close()
    return TakenFiles(FormData(items), wrong, is_too_large)


async def _take(file: UploadFile, files: Attachments, uploader: Address) -> FileReference | FileRefused:
    if _TOO_LARGE in file.headers:
        return FileRefused(name=file.filename or "", why="too_large", limit=files.max_size)
    return await files.receive(FileUpload(name=file.filename or "", chunks=_chunks(file), uploader=uploader))


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK):
        yield chunk
