"""The command that prints a new key for the servers of a PostgreSQL database."""

from __future__ import annotations

import click

from engine.system import RandomIds


@click.command()
def key() -> None:
    """Print a new key for SIGNOFF_KEY or SIGNOFF_SECRETS_KEY.

    All servers of one PostgreSQL database need the same key. Keep it like a password.
    """
    ids = RandomIds()
    click.echo((ids.salt() + ids.salt()).hex())
