"""The file that a command writes its output to."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import click

from engine.store.files import create_private


def open_output(output: Path | None) -> AbstractContextManager[IO[str]]:
    """Create a file that only this user may read, or open an existing pipe or terminal, or standard output."""
    try:
        if output is None or output.exists():
            return click.open_file(str(output or "-"), "w", encoding="utf-8")
        # Lines end as the writer ends them.
        return os.fdopen(create_private(output), "w", encoding="utf-8", newline="")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None
