"""Trials that nobody went on with: their folders in the temporary one, and when they go."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from engine.errors import StoreError
from engine.store import lock, schema

PREFIX: Final = "signoff-try-"
NAME: Final = "trial.db"
KEPT: Final = timedelta(days=1)


def folder() -> Path:
    """A new folder for one trial."""
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def remove_old(now: datetime) -> None:
    """Remove this user's trials that nobody touched for a day, and nothing that may be anything else."""
    with suppress(OSError):
        for one in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError, StoreError):
                # Whoever looks into a trial touches it.
                if _touched(one) < now - KEPT and _is_ours(one):
                    # Whoever still plays it holds it.
                    with lock.own(one / NAME):
                        shutil.rmtree(one)


def _is_ours(path: Path) -> bool:
    """A folder as `folder` makes it, for this user alone, with a trial in it and no file besides."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
        return False
    inside = list(path.iterdir())
    plain = all(one.name.startswith(NAME) and not one.is_symlink() and not one.is_dir() for one in inside)
    return plain and path / NAME in inside and schema.is_trial(path / NAME)


def _touched(path: Path) -> datetime:
    return datetime.fromtimestamp(max(one.stat().st_mtime for one in [path, *path.iterdir()]), UTC)
