"""The file `.env`, which may hold settings."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

MAX_SIZE: Final = 1_000_000
"""Maximum size of the file, in bytes."""


def read(path: Path) -> dict[str, str]:
    """Return the settings in the file, or none if it does not exist. Raises `ValueError` with a sentence."""
    try:
        # Non-blocking, because opening a FIFO would make every command wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ValueError(f"{path.absolute()} cannot be read: {error.strerror}.") from None
    try:
        return _parse(path, _read_content(path, descriptor))
    finally:
        os.close(descriptor)


def _read_content(path: Path, descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise ValueError(f"{path.absolute()} cannot be read: Is a directory.")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.absolute()} is not a regular file. Make it one, or remove it.")
    if status.st_size > MAX_SIZE:
        raise ValueError(f"{path.absolute()} is larger than {MAX_SIZE:,} bytes. It may only have settings.")
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(MAX_SIZE)


def _parse(path: Path, content: bytes) -> dict[str, str]:
    try:
        # Some editors write a byte order mark before the first name.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.absolute()} is not UTF-8 text. Save it as UTF-8.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"{path.absolute()}: line {line} has a NUL character. Remove it.")
    invalid_lines = [binding.original.line for binding in parse_stream(io.StringIO(text)) if binding.error]
    if invalid_lines:
        raise ValueError(f"{path.absolute()}: line {invalid_lines[0]} cannot be read. Write NAME=value.")
    return {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}
