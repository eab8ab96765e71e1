"""The command serve."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import click

from bot import app, log
from bot.cli.here import here, made
from bot.local.place import socket_path
from bot.settings import Settings
from bot.slack import listening
from bot.terminal import screen
from engine.system import EnvironmentSecrets


def reached_at(settings: Settings) -> Iterator[str]:
    """Where Slack's deliveries are taken, and where people review."""
    if settings.slack_signing_secret:
        yield f"Slack's deliveries are taken at http://{settings.host}:{settings.port}{listening.PATH}"
    if settings.slack_app_token:
        yield "Slack's deliveries are taken over Socket Mode"
    if settings.mail_server:
        yield f"Mail goes through {settings.mail_server.host}:{settings.mail_server.port}"
    if settings.public_url:
        yield f"Review pages are served at http://{settings.host}:{settings.port}, for {settings.public_url}"


@click.command()
def serve() -> None:
    """Run the workflows and tell the approvers, until Ctrl-C.

    It owns the database; a second server on the same one is refused.
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

    asyncio.run(app.serve(place.settings, place.environment, screen.console(), ready))
    click.echo("Stopped; every run goes on at the next start.")
