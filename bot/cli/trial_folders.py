"""The temporary folders of trials, and the removal of those that were left alone for a day."""

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
LIFETIME: Final = timedelta(days=1)
"""How long a trial is kept after it was last used."""


def create() -> Path:
    """Create a folder for one trial."""
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def remove_old(now: datetime) -> None:
    """Remove this user's trials that were not used for a day, and nothing that may be anything else."""
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError, StoreError):
                # The time of use comes first: `_is_trial` opens the database, which may change it.
                if _last_used(folder) < now - LIFETIME and _is_trial(folder):
                    # A trial that is still played is locked.
                    with lock.own(folder / NAME):
                        shutil.rmtree(folder)


def _is_trial(folder: Path) -> bool:
    """Return whether the folder is as `create` makes it: for this user alone, with a trial and no other file in it."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) != 0o700:
        return False
    files = list(folder.iterdir())
    plain = all(file.name.startswith(NAME) and not file.is_symlink() and not file.is_dir() for file in files)
    return plain and folder / NAME in files and schema.is_trial(folder / NAME)


def _last_used(folder: Path) -> datetime:
    return datetime.fromtimestamp(max(file.stat().st_mtime for file in [folder, *folder.iterdir()]), UTC)
