"""What commands have in common that need no database: the settings of this place, files, an option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from bot import settings
from bot.settings import Settings
from engine.errors import StoreError
from engine.workflowfile.yaml_tree import MAX_BYTES

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@dataclass(frozen=True, slots=True)
class CliContext:
    """The settings and environment of this command."""

    settings: Settings
    environment: dict[str, str]


def here() -> CliContext:
    """Raises `SettingsError` with every wrong setting."""
    environment = settings.environment()
    return CliContext(settings.load(environment), environment)


def free(target: Path) -> None:
    """Raises `StoreError` where a file stands already: nothing is written over."""
    if target.is_file():
        raise StoreError(f"{target} exists already; name another file.")


def made(database: Path) -> Callable[[], None]:
    """What says so, once it is there, if this command made the database: another path may have been meant."""
    existed = database.exists()

    def tell() -> None:
        if not existed and database.exists():
            click.echo(f"Made a new, empty database at {database}", err=True)

    return tell


def read(file: Path) -> bytes:
    """`content`, but raises `OSError`."""
    with file.open("rb") as opened:
        # A character more than is taken: enough to see that a file is too large, however large it is.
        return opened.read(MAX_BYTES + 4)


def content(file: Path) -> bytes:
    """What the file holds, as far as it is taken. Raises `click.UsageError` where it cannot be read."""
    try:
        return read(file)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
