"""Carries out commands: through the server that owns the database, as its owner, or by reading beside a server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click

from bot import databases
from bot.cli.context import CliContext, load_context, print_if_created
from bot.cli.exit_codes import Exit
from bot.local.reply import CommandReply
from bot.local.socket_path import socket_path
from bot.terminal.output import create_console, print_sentence
from engine.errors import StoreLocked
from engine.json_values import Value

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


async def _carry_out(
    context: CliContext, command: str, arguments: dict[str, Value], *, wait_for_run: bool
) -> CommandReply:
    # Imported here, because the import of the HTTP client would slow down commands that only read.
    from bot.local import client

    if context.settings.server_url is not None:
        return await _carry_out_here(context, command, arguments, wait_for_run=False)
    deadline = asyncio.get_running_loop().time() + STARTUP_SECONDS
    while True:
        reply = await client.ask(context.settings.database, command, arguments)
        if reply is not None:
            return reply
        try:
            return await _carry_out_here(context, command, arguments, wait_for_run=wait_for_run)
        except StoreLocked:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(_RETRY_SECONDS)


async def _carry_out_here(
    context: CliContext, command: str, arguments: dict[str, Value], *, wait_for_run: bool
) -> CommandReply:
    """Own the database and carry out the command. Raises `StoreLocked` while another process owns it."""
    # This imports most of the program, which a command does not need where a server answers.
    from bot import app, app_parts

    is_new = context.settings.server_url is None and not context.settings.database.exists()
    # Programs read the reply on standard output, so the terminal channel prints to standard error.
    console = create_console(stderr=True)
    options = app_parts.AppOptions(settings=context.settings, environment=context.environment, console=console)
    async with app.open_for_commands(options) as opened:
        if is_new:
            print_if_created(context.settings.database, existed=False)
        reply = await opened.operator_commands.carry_out(command, arguments)
        if wait_for_run and reply.refused is None:
            await app.wait_for_run(opened, str(reply.facts["run"]))
        await app.wait_for_deliveries(opened)
        return reply


def is_server_running() -> bool:
    """Return whether a server answers, and goes on with the work that this command began."""
    if load_context().settings.server_url is not None:
        return True  # other processes of the database do
    # A killed server leaves its socket behind, so it is not enough that the file exists.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(socket_path(load_context().settings.database))) == 0


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
