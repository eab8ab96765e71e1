"""The rules of file fields: which files they take, and how files are declared, typed and written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from engine import file_references, json_values, media_types
from engine.errors import InvalidValue
from engine.json_values import Value

MAX_TYPES: Final = 20
_SIZE: Final = re.compile(r"([0-9]{1,6}) ?(bytes|kB|MB|GB)", re.ASCII | re.IGNORECASE)
_UNITS: Final = {"bytes": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}
_PATTERN: Final = re.compile(r"[a-z]+/(?:\*|[a-z0-9][a-z0-9.+-]{0,99})", re.ASCII)
_TYPED: Final = "must be a file: choose it in the form, or at a terminal write @ and its path"


def read_size(text: str) -> int:
    """Return a size such as `5MB` in bytes. Raises `InvalidValue`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise InvalidValue("must be a size like 500kB or 20MB")
    return int(match[1]) * _UNITS[match[2].lower()]


def check_size(value: object) -> int | str | None:
    """Return the `max_size` of a declaration as it was written. Raises `ValueError`."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    if not isinstance(value, str):
        raise InvalidValue("a max_size is a size like 500kB or 20MB")
    read_size(value)
    return value


def in_bytes(size: int | str | None) -> int | None:
    """Return the `max_size` of a declaration in bytes."""
    return read_size(size) if isinstance(size, str) else size


def problems(types: Sequence[str], default: Value) -> Iterator[tuple[str, str]]:
    """Yield the key and a sentence for each problem in the declaration of a file field."""
    if len(types) > MAX_TYPES:
        yield "types", f"there are {len(types)} types, and at most {MAX_TYPES} can be named"
    wrong = next((name for name in types if not _PATTERN.fullmatch(name)), None)
    if wrong is not None:
        yield "types", f"a type is a media type like application/pdf or image/*, and “{wrong[:60]}” is none"
    if default is not None:
        yield "default", "a file field has no default: a file is uploaded for each run"


def normal_form(value: Value, *, types: Sequence[str], most: int | str | None) -> Value:
    """Return the reference to a file that the field takes. Raises `InvalidValue`."""
    reference = file_references.read(value)
    if types and not any(media_types.matches(reference.type, pattern) for pattern in types):
        raise InvalidValue(f"must be {listed(types)}, and “{reference.name}” is a {reference.kind}")
    limit = in_bytes(most)
    if limit is not None and reference.size > limit:
        size = media_types.size_in_words(reference.size)
        raise InvalidValue(f"must have at most {media_types.size_in_words(limit)}, and “{reference.name}” has {size}")
    return reference.value


def listed(types: Sequence[str]) -> str:
    """Return the kinds of files that a field takes in words, such as `a PDF or an image`."""
    *first, last = dict.fromkeys(_with_article(pattern) for pattern in types)
    return f"{', '.join(first)} or {last}" if first else last


def _with_article(pattern: str) -> str:
    family = pattern.removesuffix("/*")
    known = media_types.in_words(pattern, "")
    name = family if pattern.endswith("/*") else known if known != "file" else f"file of the type {pattern}"
    name = _FAMILIES.get(name, name)
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


_FAMILIES: Final = {"text": "text file", "application": "document"}


def from_text(typed: str) -> Value:
    """Return the reference that an input holds as JSON. Raises `InvalidValue`."""
    try:
        return file_references.read(json_values.loads(typed)).value
    except InvalidValue:
        raise InvalidValue(_TYPED) from None


def as_text(value: Value) -> str:
    """Return the text of an input that holds this file."""
    return json_values.dumps(value)


def shown(value: Value) -> str | None:
    """Return a file as people read it, or None if the value is none."""
    reference = file_references.find(value)
    return None if reference is None else reference.words


def shown_text(typed: str) -> str:
    """Return the file of an input as people read it, or an empty text if the input holds none."""
    try:
        return shown(from_text(typed)) or ""
    except InvalidValue:
        return ""
