"""The file `.env`: the settings that stand in it, or a sentence about why it cannot be used."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

LARGEST: Final = 1_000_000
"""Bytes of the file that are taken."""


def read(path: Path) -> dict[str, str]:
    """What is set in the file; nothing where there is none. Raises `ValueError` with a sentence."""
    try:
        # Not blocking: a FIFO would have every command wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ValueError(f"{path.absolute()} cannot be read: {error.strerror}.") from None
    try:
        return _parse(path, _content(path, descriptor))
    finally:
        os.close(descriptor)


def _content(path: Path, descriptor: int) -> bytes:
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        raise ValueError(f"{path.absolute()} cannot be read: Is a directory.")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.absolute()} is no regular file; write the settings into a file, or remove it.")
    if found.st_size > LARGEST:
        raise ValueError(f"{path.absolute()} is larger than {LARGEST:,} bytes; it can only hold settings.")
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(LARGEST)


def _parse(path: Path, content: bytes) -> dict[str, str]:
    try:
        # Some editors put a mark before the first name, which would then be another name.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.absolute()} is not text in UTF-8.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"{path.absolute()}: line {line} holds a byte 0, which no setting has; remove it.")
    wrong = [binding.original.line for binding in parse_stream(io.StringIO(text)) if binding.error]
    if wrong:
        raise ValueError(f"{path.absolute()}: line {wrong[0]} cannot be read; write NAME=value.")
    return {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}
