"""The workflow files of a folder: read with care, because a folder in a pull request may hold anything."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.presentation import characters
from engine.errors import Problem
from engine.workflowfile.yaml_tree import MAX_BYTES

MAX_FILES: Final = 1_000
"""Maximum number of workflow files in a folder."""
_ENDINGS: Final = frozenset({".yaml", ".yml"})
_LINK: Final = (errno.ELOOP, errno.EMLINK)
"""What systems say if a link is not followed."""
_TWINS: Final = "Another file has a name that looks the same. Give one of them another name."


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The texts of the files by name, and the problems of those that were not read."""

    sources: dict[str, str]
    problems: list[tuple[str, Problem]]


def read_folder(folder: Path) -> FolderFiles:
    """Read the workflow files of a folder itself; folders inside it are not looked into."""
    try:
        found = sorted(one.name for one in folder.iterdir() if one.suffix.lower() in _ENDINGS)
    except OSError as error:
        return FolderFiles({}, [(characters.line(str(folder)), _unreadable("folder", error))])
    if len(found) > MAX_FILES:
        message = f"There are {len(found):,} workflow files here, and at most {MAX_FILES:,} are read."
        return FolderFiles({}, [(characters.line(str(folder)), Problem(message))])
    sources, problems = dict[str, str](), list[tuple[str, Problem]]()
    for name in found:
        shown = characters.line(name)
        read = _read(folder / name) if shown not in sources else Problem(_TWINS)
        if isinstance(read, Problem):
            problems.append((shown, read))
        else:
            sources[shown] = read
    return FolderFiles(sources, problems)


def _read(path: Path) -> str | Problem:
    try:
        # A link may lead to any file of this machine, and a pipe would never end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _LINK:
            return Problem("This is a link to another file, which is not followed. Put the file itself here.")
        return _unreadable("file", error)
    try:
        return _read_open(descriptor)
    except OSError as error:
        return _unreadable("file", error)
    finally:
        os.close(descriptor)


def _read_open(descriptor: int) -> str | Problem:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return Problem("This is no ordinary file.")
    raw = b""
    while piece := os.read(descriptor, MAX_BYTES + 1 - len(raw)):
        raw += piece
    after = os.fstat(descriptor)
    if (len(raw), before.st_mtime_ns) != (min(after.st_size, MAX_BYTES + 1), after.st_mtime_ns):
        return Problem("The file changed while it was read. Do this again.")
    if len(raw) > MAX_BYTES:
        return Problem(f"The file is larger than {MAX_BYTES:,} bytes.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Problem("The file is not text in UTF-8.")


def _unreadable(what: str, error: OSError) -> Problem:
    return Problem(f"The {what} cannot be read: {error.strerror}.")
