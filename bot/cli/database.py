"""Commands about the database file: migrate, backup."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.context import load_context, print_if_created
from engine.store import lock, schema
from engine.system import SystemClock


@click.command()
def migrate() -> None:
    """Bring the database to this version's schema. A backup is made first."""
    path = load_context().settings.database
    existed = path.exists()
    with lock.own(path):
        copy = schema.prepare(path, now=SystemClock().now())
    print_if_created(path, existed=existed)
    click.echo(f"{path} is up to date." + (f" The backup is {copy}." if copy else ""))


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
def backup(target: Path) -> None:
    """Copy the database to TARGET, also while a server uses it."""
    path = load_context().settings.database
    schema.revision(path)
    schema.backup(path, target)
    click.echo(f"Copied {path} to {target} ({target.stat().st_size:,} bytes).")
