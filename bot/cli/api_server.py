"""The Signoff server that the commands of programs speak to, by its address and the program's API key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot import env_file
from bot.cli.exit_codes import Exit

if TYPE_CHECKING:
    from signoff.errors import SignoffError
    from signoff.transport import Server

PATIENCE = 60.0
"""How long a call is repeated while the server does not answer, in seconds. Waiting for a decision has no such end."""


def environment() -> Mapping[str, str]:
    """Return the environment, and what the file `.env` of this folder sets besides. Raises `click.UsageError`."""
    try:
        return {**env_file.read(Path(".env")), **os.environ}
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def server(patience: float = PATIENCE, *, reads_env_file: bool = True) -> Server:
    """Return the server that SIGNOFF_URL names, with the key in SIGNOFF_API_KEY.

    `reads_env_file`: whether the folder is trusted to name them too.
    """
    from signoff.transport import API_KEY, URL, Server

    variables = environment() if reads_env_file else os.environ
    return Server(variables.get(URL), variables.get(API_KEY), patience)


def report_error(error: SignoffError) -> int:
    """Print what went wrong, and return the exit code."""
    from signoff.errors import Cancelled, Expired, NotJson, NotSetUp, StillWaiting, Unreachable

    for sentence in (str(error), *getattr(error, "__notes__", ())):
        click.echo(printable(sentence), err=True)
    match error:
        case NotSetUp() | NotJson():
            return Exit.USAGE
        case Unreachable():
            return Exit.STORE
        case StillWaiting() | Expired():
            return Exit.LATE
        case Cancelled():
            return Exit.CANCELLED
        case _:
            return Exit.NO


def printable(text: str) -> str:
    """Return a text of the server on one line for each of its lines, so that it cannot move the cursor."""
    return "\n".join(
        "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
        for line in text.splitlines()
    )
