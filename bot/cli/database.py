"""Commands about the database file: migrate, backup."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bot import databases
from bot.cli.context import load_context, print_if_created
from engine.errors import StoreError
from engine.store import lock, schema
from engine.system import SystemClock


@click.command()
def migrate() -> None:
    """Bring the database to this version's schema. A backup is made first."""
    settings = load_context().settings
    if settings.server_url is not None:
        place, was_older = asyncio.run(databases.migrate_server(settings, SystemClock().now()))
        click.echo(f"The tables of {place} were {'brought up to date' if was_older else 'up to date already'}.")
        return
    path = settings.database
    existed = path.exists()
    with lock.own(path):
        copy = schema.prepare(path, now=SystemClock().now())
    print_if_created(path, existed=existed)
    click.echo(f"{path} is up to date." + (f" The backup is {copy}." if copy else ""))


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
def backup(target: Path) -> None:
    """Copy the database to TARGET, also while a server uses it.

    \b
    To restore the copy, stop the server. Then, in the folder of the database:
      mv signoff.db signoff.db.old
      rm -f signoff.db-wal signoff.db-shm
      cp -p TARGET signoff.db
      signoff doctor
      signoff serve
    The server asks you before it continues.
    """
    settings = load_context().settings
    if settings.server_url is not None:
        raise StoreError("A database on a server is backed up there, for example with: pg_dump --format=custom")
    path = settings.database
    schema.revision(path)
    schema.backup(path, target)
    click.echo(f"Copied {path} to {target} ({target.stat().st_size:,} bytes).")
