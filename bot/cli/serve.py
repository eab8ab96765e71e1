"""The command serve."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from bot import app, log
from bot.cli.context import here, made
from bot.cli.exit_codes import Exit
from bot.local.socket_path import socket_path
from bot.settings import Settings
from bot.slack import transport
from bot.terminal import screen
from engine.errors import StoreRestored
from engine.store import schema
from engine.store.restored_backup import outlook
from engine.system import EnvironmentSecrets


def reached_at(settings: Settings) -> Iterator[str]:
    """Where Slack's deliveries are taken, and where people review."""
    if settings.slack_signing_secret:
        yield f"Slack's deliveries are taken at http://{settings.host}:{settings.port}{transport.PATH}"
    if settings.slack_app_token:
        yield "Slack's deliveries are taken over Socket Mode"
    if settings.mail_server:
        yield f"Mail goes through {settings.mail_server.host}:{settings.mail_server.port}"
    if settings.public_url:
        yield f"Review pages are served at http://{settings.host}:{settings.port}, for {settings.public_url}"


@click.command()
@click.option("--restored", is_flag=True, help="Go on with a database that may be older than what has happened since.")
def serve(restored: bool) -> None:
    """Run the workflows and tell the approvers, until Ctrl-C.

    It owns the database; a second server on the same one is refused. Of a backup that was restored it says what may
    happen twice, and asks before it goes on.
    """
    place = here()
    secrets = EnvironmentSecrets(place.environment)
    log.set_up(
        place.settings.log_level,
        place.settings.log_format,
        lambda text: secrets.redact(place.settings.redact(text)),
    )

    tell = made(place.settings.database)

    def ready(waiting: int) -> None:
        tell()
        click.echo(f"Signoff serves {place.settings.database}")
        click.echo(f"Commands on this machine reach it at {socket_path(place.settings.database)}")
        for line in reached_at(place.settings):
            click.echo(line)
        if waiting:
            click.echo(f"{waiting} request{'s wait' if waiting > 1 else ' waits'} for a decision: signoff requests")

    options = app.AppOptions(
        settings=place.settings, environment=place.environment, console=screen.console(), restored=restored
    )
    try:
        asyncio.run(app.serve(options, ready))
    except StoreRestored as error:
        _ask(place.settings.database, error)
        asyncio.run(app.serve(replace(options, restored=True), ready))
    click.echo("Stopped; every run goes on at the next start.")


def _ask(database: Path, error: StoreRestored) -> None:
    """Say what may happen twice, and return if the operator goes on all the same."""
    screen.say(str(error).removesuffix(schema.ASKED).rstrip(), err=True)
    for sentence in outlook(database):
        screen.say(sentence, err=True)
    if sys.stdin.isatty() and click.confirm("Go on with this database?", default=False, err=True):
        return
    screen.say(
        "Nothing was done with it. Put the latest database in its place, or go on with: signoff serve --restored",
        err=True,
    )
    raise click.exceptions.Exit(Exit.STORE)
