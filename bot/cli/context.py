"""The context of a command that needs no database: settings and environment, and files that it names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from bot import loaded_settings
from bot.cli.options import json_option as json_option
from bot.settings import Settings
from engine import durations
from engine.errors import InvalidValue, StoreError
from engine.workflowfile.yaml_tree import MAX_BYTES


class DurationType(click.ParamType[int]):
    """A duration such as `90d`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds of the duration."""
        if value.strip() in ("0", "0s"):
            return 0
        try:
            return round(durations.parse(value) / timedelta(seconds=1))
        except InvalidValue as error:
            self.fail(f"{error}.", param, ctx)


@dataclass(frozen=True, slots=True)
class CliContext:
    """The settings and environment of this command."""

    settings: Settings
    environment: dict[str, str]


def load_context() -> CliContext:
    """Return the settings and environment. Raises `SettingsError` with every wrong setting."""
    environment = loaded_settings.load_environment()
    return CliContext(loaded_settings.load(environment), environment)


def check_absent(target: Path) -> None:
    """Raise `StoreError` if the file exists: nothing is overwritten."""
    if target.is_file():
        raise StoreError(f"{target} exists already. Name another file.")


def print_if_created(database: Path, *, existed: bool) -> None:
    """Print that this command has created the database, if it has: the user may have meant another path."""
    if not existed and database.exists():
        click.echo(f"Made a new, empty database at {database}", err=True)


def read_workflow_file(file: Path) -> bytes:
    """Return the content of a workflow file, up to a little more than its maximum size. Raises `OSError`."""
    with file.open("rb") as opened:
        # One character more than the maximum: enough to see that a file is too large, however large it is.
        return opened.read(MAX_BYTES + 4)


def read_workflow_argument(file: Path) -> bytes:
    """Return the content of the workflow file that an argument names. Raises `click.UsageError` if it is unreadable."""
    try:
        return read_workflow_file(file)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
