"""How commands reach the data: through the server that owns it, as its owner, or by reading beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
from rich.console import Console

from bot.cli.context import CliContext, here, made
from bot.cli.exit_codes import Exit
from bot.local.reply import CommandReply
from bot.local.socket_path import socket_path
from bot.terminal import screen
from engine.errors import StoreLocked
from engine.json_values import Value
from engine.store import schema

if TYPE_CHECKING:
    from bot.local.service import OperatorCommands

STARTING_SECONDS: Final = 5.0
"""How long a command waits for a server that has taken the database but does not answer yet."""


@contextmanager
def reading() -> Iterator[Any]:
    """A connection that reads the database, whoever owns it."""
    with schema.reading(here().settings.database) as connection:
        yield connection


def carry_out(
    command: str, given: dict[str, Value], *, settle: Callable[[CommandReply], str | None] | None = None
) -> CommandReply:
    """Have the server that owns the database carry out a command; without one, own the database and do it here.

    `settle`: which run to work on until it waits or ends, when there is no server to go on with it.
    """
    return asyncio.run(_carry_out(here(), command, given, settle))


async def _carry_out(
    place: CliContext, command: str, given: dict[str, Value], settle: Callable[[CommandReply], str | None] | None
) -> CommandReply:
    # What speaks HTTP costs a fourth of a command that only reads.
    from bot.local import client

    deadline = asyncio.get_running_loop().time() + STARTING_SECONDS
    while True:
        reply = await client.ask(place.settings.database, command, given)
        if reply is not None:
            return reply
        try:
            return await _own(place, lambda desk: desk.carry_out(command, given), settle)
        except StoreLocked:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _own(
    place: CliContext,
    act: Callable[[OperatorCommands], Awaitable[CommandReply]],
    settle: Callable[[CommandReply], str | None] | None,
) -> CommandReply:
    # Most of the program, which a command leaves to the server where one answers.
    from bot import app

    # What the terminal channel has to tell is beside the answer of the command, which programs read.
    tell = made(place.settings.database)
    options = app.AppOptions(
        settings=place.settings, environment=place.environment, console=screen.console(stderr=True)
    )
    async with app.open_app(options) as opened:
        tell()
        reply = await act(opened.operator_commands)
        run = settle(reply) if settle is not None and reply.refused is None else None
        if run is not None:
            await app.wait_for_run(opened, run)
        return reply


def unserved() -> bool:
    """Whether no server goes on with the work that this command began."""
    return not socket_path(here().settings.database).exists()


def answered(reply: CommandReply) -> dict[str, Value]:
    """The facts of a reply; a refusal is printed and ends the command."""
    if reply.refused is not None:
        refuse(reply.refused)
    return reply.facts


def refuse(sentence: str) -> NoReturn:
    """Print why not, and end the command."""
    screen.say(sentence, err=True)
    raise click.exceptions.Exit(Exit.NO)


def console() -> Console:
    return screen.console()


def pairs(given: tuple[str, ...], *, what: str) -> dict[str, str]:
    """`name=value` arguments as a mapping. Raises `click.UsageError`."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"{one!r} is not {what}; write name=value.")
        if name.strip() in found:
            raise click.UsageError(f"{name.strip()} is given twice.")
        found[name.strip()] = value
    return found
