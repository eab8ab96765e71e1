"""Files that a person names on the command line, `-i invoice=@invoice.pdf`: they are handed in before the command."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from engine.domain import Address, FileUpload
from engine.errors import InvalidValue
from engine.fields import Field, FieldType
from engine.file_storage import CHUNK

Attach: TypeAlias = Callable[[Path], str]
"""Hands a file in, and returns the text of its reference. Raises `InvalidValue` with a predicate."""
SIGN: Final = "@"
"""What a value begins with that names a file."""


def attach_all(
    fields: Mapping[str, Field], typed: Mapping[str, str], attach: Attach
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the typed values with every file handed in, and a predicate for each file that was not, by name."""
    texts, errors = dict(typed), dict[str, str]()
    for name, text in typed.items():
        if name in fields:
            try:
                texts[name] = attached(fields[name], text, attach)
            except InvalidValue as error:
                errors[name] = str(error)
    return texts, errors


def attached(field: Field, text: str, attach: Attach) -> str:
    """Return the text of a field, and if it names a file the reference to it. Raises `InvalidValue`."""
    if field.type is not FieldType.FILE or not text.strip().startswith(SIGN) or text.strip() == SIGN:
        return text
    path = Path(text.strip().removeprefix(SIGN))
    with contextlib.suppress(RuntimeError):  # there is no such user: the path is as it is written
        path = path.expanduser()
    if not path.is_file():
        raise InvalidValue(f"must be a file, and there is none at {path}")
    return attach(path)


def not_here(_: Path) -> str:
    """Refuse a file where none can be handed in."""
    raise InvalidValue("cannot be handed in here")


def upload(path: Path, uploader: Address) -> FileUpload:
    """Return a file of this machine as what comes in."""
    return FileUpload(name=path.name, chunks=read(path), uploader=uploader)


async def read(path: Path) -> AsyncIterator[bytes]:
    """Yield the bytes of a file in pieces. Raises `InvalidValue` if it cannot be read."""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise InvalidValue(f"must be a file that can be read: {error.strerror or path}") from None
