"""The command `signoff serve`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace

import click

from bot import app, app_parts, databases, log
from bot.cli.context import CliContext, load_context, print_if_created
from bot.cli.exit_codes import Exit
from bot.local.socket_path import socket_path
from bot.settings import Settings
from bot.slack import transport
from bot.terminal.output import ServerConsole, create_console, print_sentence
from engine.errors import StoreRestored
from engine.server_secrets import ServerSecrets
from engine.store.restored_backup import ASKED


def _endpoints(settings: Settings) -> Iterator[str]:
    """Return a sentence for each address at which Slack, mail servers and browsers reach this server."""
    if settings.slack_signing_secret:
        yield f"Slack delivers events to http://{settings.host}:{settings.port}{transport.PATH}"
    if settings.slack_app_token:
        yield "Slack delivers events over a socket that this server opens (Socket Mode)"
    if settings.mail_server:
        yield f"Emails are sent through {settings.mail_server.host}:{settings.mail_server.port}"
    if settings.public_url:
        yield f"Review pages are at {settings.public_url} (this server listens at http://{settings.host}:{settings.port})"
    if not settings.slack_bot_token and not settings.mail_server:
        yield "Requests are shown in this terminal, because neither Slack nor email is set up"


@click.command()
@click.option("--restored", is_flag=True, help="Use a restored database that may be out of date, without asking.")
def serve(restored: bool) -> None:
    """Run the workflows and ask the approvers, until Ctrl-C.

    A database file is for one server; a second one is refused. If the file is a restored backup, the server lists what
    may happen twice, and asks before it continues. A PostgreSQL database is for any number of servers.
    """
    _serve(load_context(), restored=restored)


@click.command()
def worker() -> None:
    """Run workflows and send messages, while others take the clicks.

    For a PostgreSQL database, until Ctrl-C. The others have SIGNOFF_ROLE=bot.
    """
    context = load_context()
    if context.settings.server_url is None:
        raise click.UsageError("A database file is for one process: signoff serve. Workers need PostgreSQL.")
    _serve(replace(context, settings=context.settings.model_copy(update={"role": "worker"})))


def _serve(context: CliContext, *, restored: bool = False) -> None:
    settings, secrets = context.settings, ServerSecrets(context.environment)
    is_new = settings.server_url is None and not settings.database.exists()
    log.set_up(
        settings.log_level,
        settings.log_format,
        lambda text: secrets.redact(settings.redact(text)),
        traced=settings.tracing == "on",
    )

    def on_ready(waiting: int) -> None:
        if is_new:
            print_if_created(settings.database, existed=False)
        _print_ready(settings, waiting)

    options = app_parts.AppOptions(
        settings=settings,
        environment=context.environment,
        console=create_console(kind=ServerConsole),
        restored=restored,
        secrets=secrets,
    )
    try:
        if settings.server_url is not None:
            asyncio.run(databases.migrate_server(settings, options.clock.now()))
        asyncio.run(app.serve(options, on_ready))
    except StoreRestored as error:
        _confirm_restored(settings, error)
        asyncio.run(app.serve(replace(options, restored=True), on_ready))
    where = "at the next start" if settings.server_url is None else "in another process, or at the next start"
    click.echo(f"Stopped. Every run continues {where}.")


def _print_ready(settings: Settings, waiting: int) -> None:
    """Print the addresses of the server, how many requests are open, and how to stop it."""
    click.echo(f"The database is {databases.place(settings)}")
    if settings.server_url is None:
        click.echo(f"Commands on this machine reach it at {socket_path(settings.database)}")
    for line in _endpoints(settings) if settings.role != "worker" else ():
        click.echo(line)
    if waiting:
        click.echo(f"{waiting:,} request{'s are' if waiting > 1 else ' is'} open. See them: signoff requests")
    click.echo("Ready. Press Ctrl-C to stop.")


def _confirm_restored(settings: Settings, error: StoreRestored) -> None:
    """Print the effects that may happen twice, and return if the operator continues. Otherwise end the command."""
    print_sentence(str(error).removesuffix(ASKED).rstrip(), err=True)
    print_sentence(databases.risks(settings), err=True)
    if sys.stdin.isatty() and click.confirm("Continue with this database?", default=False, err=True):
        return
    print_sentence(
        "Nothing was changed. Put the latest database there, or continue with this one: signoff serve --restored",
        err=True,
    )
    raise click.exceptions.Exit(Exit.STORE)
