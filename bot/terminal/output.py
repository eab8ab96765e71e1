"""Output of commands: sentences, tables and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.presentation import characters, dates
from engine import fields, json_values
from engine.json_values import Value

_PIPE_WIDTH: Final = 110
"""Width of what is printed to a pipe or file, in characters."""


class ServerConsole(Console):
    """The console of a process that goes on after the reader of its output has ended."""

    def on_broken_pipe(self) -> None:
        """Raise `BrokenPipeError`. A plain console ends the process."""
        raise BrokenPipeError("the reader of this output has ended")


def create_console(*, stderr: bool = False, kind: type[Console] = Console) -> Console:
    """Create a console that prints data as it is: it reads no markup, guesses no colours, and wraps no piped lines."""
    console = kind(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = kind(stderr=stderr, markup=False, highlight=False, emoji=False, width=_PIPE_WIDTH)
    return console


def print_sentence(sentence: str, *, err: bool = False) -> None:
    """Print a sentence that may quote data, with characters escaped that move the cursor or hide text."""
    click.echo(characters.visible(sentence), err=err)


def render_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Render a plain table that can be piped. Ids in the first column are not wrapped, so that they can be copied."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(characters.line(cell)) for cell in row))
    return table


def in_local_zone(at: datetime) -> datetime:
    """Return the moment in the time zone of this machine."""
    return at.astimezone()


def local_time(at: datetime) -> str:
    """Return the date and the time in the time zone of this machine; in UTC, they say so."""
    local = in_local_zone(at)
    return dates.in_zone(None if local.tzname() == "UTC" else local.tzinfo)(at)


def short_time(at: datetime, now: datetime) -> str:
    """Return `local_time` for a list: without the year if it is this year."""
    year = in_local_zone(at).year
    text = local_time(at)
    return text.replace(f", {year}, ", ", ", 1) if year == in_local_zone(now).year else text


def format_time(at: datetime | None) -> str:
    """Return the time as people read it, or an empty text for None."""
    return local_time(at) if at is not None else ""


def print_commands(console: Console, commands: str) -> None:
    """Print commands without breaking their lines, so that they can be copied."""
    console.print(commands, soft_wrap=True)


def render_json(value: Value) -> str:
    """Return indented JSON with exact numbers."""
    return fields.show(fields.FieldType.JSON, value) if value else json_values.dumps(value)
