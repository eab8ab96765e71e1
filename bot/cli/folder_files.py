"""The workflow files of a folder: read with care, because a folder in a pull request may hold anything."""

from __future__ import annotations

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
_TWINS: Final = "Another file has a name that looks the same. Give one of them another name."


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The texts of the files by name, and the problems of those that were not read."""

    sources: dict[str, str]
    problems: list[tuple[str, Problem]]


def read_folder(folder: Path) -> FolderFiles:
    """Read the workflow files of a folder itself; folders inside it are not looked into."""
    found = sorted(one.name for one in folder.iterdir() if one.suffix.lower() in _ENDINGS)
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
        if path.is_symlink():
            return Problem("This is a link to another file, which is not followed. Put the file itself here.")
        return Problem(f"The file cannot be read: {error.strerror}.")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return Problem("This is no ordinary file.")
    with open(descriptor, "rb") as opened:
        raw = opened.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        return Problem(f"The file is larger than {MAX_BYTES:,} bytes.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Problem("The file is not text in UTF-8.")
