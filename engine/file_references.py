"""References to files: the value of a field of the type `file`. The bytes are stored elsewhere, under its id. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from engine import file_names, media_types
from engine.errors import InvalidValue
from engine.json_values import Value

MAX_SIZE: Final = 2**40
_EXAMPLE_SIZE: Final = 1_000
NOT_A_FILE: Final = "must be a file that was uploaded"
_KEYS: Final = frozenset({"id", "name", "type", "size", "sha256"})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{20,64}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,49}/[a-z0-9][a-z0-9.+-]{0,99}", re.ASCII)


class FileReference(Struct, frozen=True, kw_only=True):
    """A file. `type` is what its bytes are. `sha256` binds what was approved to the bytes that are used."""

    id: str
    name: str
    type: str
    size: int
    sha256: str

    @property
    def value(self) -> dict[str, Value]:
        """The reference as a value of a workflow."""
        return {"name": self.name, "type": self.type, "size": self.size, "sha256": self.sha256, "id": self.id}

    @property
    def words(self) -> str:
        """The file as people read it."""
        return f"{self.name} ({self.kind}, {media_types.size_in_words(self.size)})"

    @property
    def kind(self) -> str:
        """The kind of file in words."""
        return media_types.in_words(self.type, self.name)

    @property
    def is_image(self) -> bool:
        """Whether a page may show it as an image."""
        return self.type in media_types.IMAGES


def read(value: Value) -> FileReference:
    """Return the reference that a value is. Raises `InvalidValue` with a predicate."""
    reference = find(value)
    if reference is None:
        raise InvalidValue(NOT_A_FILE)
    return reference


def find(value: Value) -> FileReference | None:
    """Return the reference that a value is, or None."""
    if not isinstance(value, dict) or value.keys() != _KEYS:
        return None
    match value:
        case {"id": str(id), "name": str(name), "type": str(type), "size": int(size), "sha256": str(digest)}:
            is_one = (
                not isinstance(size, bool)
                and 0 <= size <= MAX_SIZE
                and _ID.fullmatch(id)
                and _DIGEST.fullmatch(digest)
                and _TYPE.fullmatch(type)
                and len(name) <= file_names.MAX_BYTES
                and file_names.cleaned(name) == name
            )
            return FileReference(id=id, name=name, type=type, size=size, sha256=digest) if is_one else None
    return None


def example(name: str) -> FileReference:
    """Return the reference to a file that is only played with, of the type that its name tells."""
    cleaned = file_names.cleaned(name)
    digest = hashlib.sha256(cleaned.encode()).hexdigest()
    kind = media_types.by_ending(cleaned)
    return FileReference(id=f"example-{digest[:32]}", name=cleaned, type=kind, size=_EXAMPLE_SIZE, sha256=digest)


def find_all(value: Value) -> Iterator[FileReference]:
    """Yield every reference inside a value."""
    reference = find(value)
    if reference is not None:
        yield reference
        return
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from find_all(item)
