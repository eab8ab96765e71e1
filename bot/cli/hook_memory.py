"""Remembers, from the hook before the use of a tool to the hook after it, which ask it was about.

A file for each use, in a folder that only this user can read. It holds the id of the ask and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

_OLDEST: Final = 7 * 86_400
"""After how many seconds a use that never ended is forgotten."""


def remember(key: str, ask: str) -> None:
    """Note which ask the use of a tool was about. Raises `OSError`."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / key
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as written:
        written.write(ask)
    _forget_old(folder, file.stat().st_mtime)


def take(key: str) -> str | None:
    """Return which ask the use of a tool was about, and forget it; None if there was none."""
    file = _folder() / key
    try:
        ask = file.read_text().strip()
        file.unlink()
    except OSError:
        return None
    return ask or None


def _forget_old(folder: Path, now: float) -> None:
    for file in folder.iterdir():
        try:
            if now - file.stat().st_mtime > _OLDEST:
                file.unlink()
        except OSError:
            continue  # another hook has removed it


def _folder() -> Path:
    return platformdirs.user_state_path("signoff") / "hooks"
