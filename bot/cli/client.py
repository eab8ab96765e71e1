"""Carries out commands: through the server that owns the database, as its owner, or by reading beside a server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from bot import databases
from bot.cli.context import CliContext, load_context, print_if_created
from bot.cli.exit_codes import Exit
from bot.local.reply import CommandReply
from bot.local.socket_path import socket_path
from bot.terminal import attached_files
from bot.terminal.output import create_console, print_sentence
from engine import json_values
from engine.errors import InvalidValue, StoreLocked
from engine.json_values import Value

if TYPE_CHECKING:
    from bot.app_parts import App

STARTUP_SECONDS: Final = 5.0
"""How long a command waits for a server that owns the database but does not answer yet, in seconds."""
_RETRY_SECONDS: Final = 0.1


@contextmanager
def open_for_reading() -> Iterator[Any]:
    """Open a connection that reads the database, also while a server owns it."""
    with databases.reading(load_context().settings) as connection:
        yield connection


def carry_out(command: str, arguments: dict[str, Value], *, wait_for_run: bool = False) -> CommandReply:
    """Have the server that owns the database carry out a command. Without a server, own the database and do it here.

    `wait_for_run`: without a server, go on until the run that the reply names has ended or waits. A server goes on
    with it by itself.
    """
    return asyncio.run(_carry_out(load_context(), command, arguments, wait_for_run=wait_for_run))


def attach(path: Path) -> str:
    """Hand a file in, and return the text of its reference. Raises `InvalidValue` with a predicate."""
    return reference_text(asyncio.run(_attach(load_context(), path)))


async def _attach(context: CliContext, path: Path) -> CommandReply:
    from bot.local import client

    async def ask() -> CommandReply | None:
        return await client.attach(context.settings.database, path.name, attached_files.read(path))

    async def act(app: App) -> CommandReply:
        return await app.operator_commands.attach(path.name, attached_files.read(path))

    return await _through_server_or_here(context, ask, act)


async def _carry_out(
    context: CliContext, command: str, arguments: dict[str, Value], *, wait_for_run: bool
) -> CommandReply:
    # Imported here, because the import of the HTTP client would slow down commands that only read.
    from bot.local import client

    async def ask() -> CommandReply | None:
        return await client.ask(context.settings.database, command, arguments)

    async def act(opened: App) -> CommandReply:
        from bot import app

        reply = await opened.operator_commands.carry_out(command, arguments)
        if wait_for_run and context.settings.server_url is None and reply.refused is None:
            await app.wait_for_run(opened, str(reply.facts["run"]))
        await app.wait_for_deliveries(opened)
        return reply

    return await _through_server_or_here(context, ask, act)


async def _through_server_or_here(
    context: CliContext,
    ask: Callable[[], Awaitable[CommandReply | None]],
    act: Callable[[App], Awaitable[CommandReply]],
) -> CommandReply:
    """Ask the server. Without one, own the database and act here; the other servers of PostgreSQL need not be asked."""
    if context.settings.server_url is not None:
        return await _act_here(context, act)
    deadline = asyncio.get_running_loop().time() + STARTUP_SECONDS
    while True:
        reply = await ask()
        if reply is not None:
            return reply
        try:
            return await _act_here(context, act)
        except StoreLocked:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(_RETRY_SECONDS)


async def _act_here(context: CliContext, act: Callable[[App], Awaitable[CommandReply]]) -> CommandReply:
    """Own the database and act. Raises `StoreLocked` while another process owns it."""
    # This imports most of the program, which a command does not need where a server answers.
    from bot import app, app_parts

    is_new = context.settings.server_url is None and not context.settings.database.exists()
    # Programs read the reply on standard output, so the terminal channel prints to standard error.
    console = create_console(stderr=True)
    options = app_parts.AppOptions(settings=context.settings, environment=context.environment, console=console)
    async with app.open_for_commands(options) as opened:
        if is_new:
            print_if_created(context.settings.database, existed=False)
        return await act(opened)


def is_server_running() -> bool:
    """Return whether a server answers, and goes on with the work that this command began."""
    if load_context().settings.server_url is not None:
        return True  # other processes of the database do
    # A killed server leaves its socket behind, so it is not enough that the file exists.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(socket_path(load_context().settings.database))) == 0


def reference_text(reply: CommandReply) -> str:
    """Return the text of the reference to a file that was handed in. Raises `InvalidValue` if it was refused."""
    if reply.refused is not None:
        raise InvalidValue(reply.refused)
    return json_values.dumps(reply.facts["file"])


def facts_of(reply: CommandReply) -> dict[str, Value]:
    """Return the facts of a reply. A refusal is printed, and ends the command."""
    if reply.refused is not None:
        refuse(reply.refused)
    return reply.facts


def refuse(sentence: str) -> NoReturn:
    """Print the reason for a refusal, and end the command."""
    print_sentence(sentence, err=True)
    raise click.exceptions.Exit(Exit.NO)


def parse_pairs(arguments: tuple[str, ...], *, noun: str) -> dict[str, str]:
    """Return arguments of the form `name=value` as a mapping. Raises `click.UsageError` that names `noun`."""
    pairs: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        name = name.strip()
        if not equals or not name:
            raise click.UsageError(f"{argument!r} is not {noun}. Write NAME=VALUE.")
        if name in pairs:
            raise click.UsageError(f"{name} is given twice. Give it once.")
        pairs[name] = value
    return pairs
