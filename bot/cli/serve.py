"""The command `signoff serve`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from bot import app, log
from bot.cli.context import load_context, print_if_created
from bot.cli.exit_codes import Exit
from bot.local.socket_path import socket_path
from bot.settings import Settings
from bot.slack import transport
from bot.terminal.output import ServerConsole, create_console, print_sentence
from engine.errors import StoreRestored
from engine.store import schema
from engine.store.restored_backup import outlook
from engine.system import EnvironmentSecrets


def _endpoints(settings: Settings) -> Iterator[str]:
    """Return a sentence for each address at which Slack, mail servers and browsers reach this server."""
    if settings.slack_signing_secret:
        yield f"Slack's events are taken at http://{settings.host}:{settings.port}{transport.PATH}"
    if settings.slack_app_token:
        yield "Slack's events are taken over Socket Mode"
    if settings.mail_server:
        yield f"Emails are sent through {settings.mail_server.host}:{settings.mail_server.port}"
    if settings.public_url:
        yield f"Review pages are served at http://{settings.host}:{settings.port}, for {settings.public_url}"


@click.command()
@click.option("--restored", is_flag=True, help="Use a database that may be older than the latest events.")
def serve(restored: bool) -> None:
    """Run the workflows and ask the approvers, until Ctrl-C.

    The server owns its database; a second server with the same one is refused. If the database is a restored backup,
    the server lists the effects that may happen twice, and asks before it continues.
    """
    context = load_context()
    database, secrets = context.settings.database, EnvironmentSecrets(context.environment)
    existed = database.exists()
    log.set_up(
        context.settings.log_level,
        context.settings.log_format,
        lambda text: secrets.redact(context.settings.redact(text)),
    )

    def on_ready(waiting: int) -> None:
        print_if_created(database, existed=existed)
        _print_ready(context.settings, waiting)

    options = app.AppOptions(
        settings=context.settings,
        environment=context.environment,
        console=create_console(kind=ServerConsole),
        restored=restored,
    )
    try:
        asyncio.run(app.serve(options, on_ready))
    except StoreRestored as error:
        _confirm_restored(database, error)
        asyncio.run(app.serve(replace(options, restored=True), on_ready))
    click.echo("Stopped; every run goes on at the next start.")


def _print_ready(settings: Settings, waiting: int) -> None:
    """Print the addresses of the server, and how many requests wait for a decision."""
    click.echo(f"Signoff serves {settings.database}")
    click.echo(f"Commands on this machine reach it at {socket_path(settings.database)}")
    for line in _endpoints(settings):
        click.echo(line)
    if waiting:
        click.echo(f"{waiting} request{'s wait' if waiting > 1 else ' waits'} for a decision: signoff requests")


def _confirm_restored(database: Path, error: StoreRestored) -> None:
    """Print the effects that may happen twice, and return if the operator continues. Otherwise end the command."""
    print_sentence(str(error).removesuffix(schema.ASKED).rstrip(), err=True)
    for sentence in outlook(database):
        print_sentence(sentence, err=True)
    if sys.stdin.isatty() and click.confirm("Go on with this database?", default=False, err=True):
        return
    print_sentence(
        "Nothing was done with it. Put the latest database in its place, or go on with: signoff serve --restored",
        err=True,
    )
    raise click.exceptions.Exit(Exit.STORE)
