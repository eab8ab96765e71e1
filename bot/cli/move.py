"""The command that moves an embedded database to PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot import secret_key_file, server_key
from bot.cli.context import load_context
from engine.errors import StoreError, StoreRestored
from engine.store import file_marks, lock, restored_backup, schema
from engine.store.sqlite_connection import connect
from engine.system import SystemClock

if TYPE_CHECKING:
    from engine.store.move import Moved

_SCHEME = "postgresql+asyncpg://"


@click.command()
@click.option("--to", "target", required=True, help="The new database: postgresql+asyncpg://USER:PASSWORD@HOST/NAME.")
def move(target: str) -> None:
    """Move the database file to an empty PostgreSQL database, with everything that waits in it.

    Stop the server first. Buttons and links that were sent keep working. The file stays as it is, and is not used any
    more.
    """
    path = load_context().settings.database
    if not target.startswith(_SCHEME):
        raise click.UsageError(f"--to takes an address that begins with {_SCHEME}")
    schema.check_current(path)
    with lock.own(path):
        _check(path)
        moved = asyncio.run(_move(path, target))
    rows = sum(moved.rows.values())
    waiting = f"The audit log ends with entry {moved.head[0]}." if moved.head[0] else "The audit log is empty."
    click.echo(f"Moved {rows:,} rows and compared them. {waiting}")
    click.echo(f"Now set SIGNOFF_DATABASE_URL to the new address, and SIGNOFF_KEY to what {_key(path)} holds.")
    keys = secret_key_file.keys_path(path)
    if keys.exists():
        click.echo(f"Set SIGNOFF_SECRETS_KEY to what {keys} holds, with a comma between two lines.")


def _check(path: Path) -> None:
    """Raise `StoreError` for a file that may not be used, or that may lack its latest events."""
    file_marks.check_not_moved(lock.real_path(path))
    if schema.is_trial(path):
        raise StoreError(f"{path} is a database of `signoff try`. Set SIGNOFF_DATABASE_URL to the one of the server.")
    if (suspicion := restored_backup.find_suspicion(path)) is not None:
        raise StoreRestored(f"The database {path} may be an older copy. {suspicion.why} {restored_backup.ASKED}")


def _key(path: Path) -> Path:
    return server_key.key_path(path)


async def _move(path: Path, target: str) -> Moved:
    try:
        from engine.store import postgres, postgres_schema
        from engine.store.move import move as move_rows
    except ModuleNotFoundError as error:
        raise StoreError(f"PostgreSQL needs more packages ({error.name}): pip install 'signoff[postgres]'.") from None
    engine = postgres.create(target, seconds=None)
    try:
        await postgres_schema.prepare(engine, now=SystemClock().now())
        with closing(connect(path, writable=True)) as source:
            moved = await move_rows(source, engine)
            file_marks.set_moved(source.driver)
            return moved
    finally:
        await engine.dispose()
