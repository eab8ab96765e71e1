"""The file `.env`, which may hold settings."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from engine.store import files

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


def write(path: Path, changes: Mapping[str, str]) -> None:
    """Set these settings in the file, for its owner alone, and leave all other lines as they are.

    A link stays one: the file that it leads to is written. Raises `OSError`, and `ValueError` with a sentence for a
    value that the file cannot hold.
    """
    path = Path(os.path.realpath(path))
    before = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    lines = [binding for binding in parse_stream(io.StringIO(before)) if binding.key not in changes]
    kept = "".join(binding.original.string for binding in lines)
    kept = f"{kept}\n" if kept and not kept.endswith("\n") else kept
    text = kept + "".join(f"{name}={_quoted(value)}\n" for name, value in changes.items())
    read_back = dotenv_values(stream=io.StringIO(text))
    wrong = [name for name, value in changes.items() if read_back.get(name) != value]
    if wrong:
        raise ValueError(f"A file .env cannot hold the value of {wrong[0]}: it has ${{ in it, or a line break.")
    files.write_whole(path, text.encode())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


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
