"""Commands about the audit log."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

import click

from bot.cli import client
from bot.cli.context import free, here
from bot.cli.exit_codes import Exit
from engine import verify_audit
from engine.domain import DEFAULT_WORKSPACE
from engine.store import audit_log, log_head, reconciliation
from engine.store.files import create_private

SHOWN: Final = 100
"""Differences between log and tables that are printed."""


@click.group()
def audit() -> None:
    """Export and verify the record of everything that happened."""


@audit.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file to write; default: standard output.")
def export(output: Path | None) -> None:
    """Write the audit log as JSON Lines.

    Keep the last line's number and hash somewhere else: it shows later that nothing was cut off.
    The log verifies without this program: python -m engine.verify_audit FILE
    """
    if output is not None:
        free(output)
    last = ""
    with client.reading() as connection, _writing(output) as out:
        for line in audit_log.export(connection, DEFAULT_WORKSPACE):
            out.write(line + "\n")
            last = line
    if output is not None:
        click.echo(f"Wrote {output}. Head: {_head(last)}")


def _writing(output: Path | None) -> AbstractContextManager[IO[str]]:
    """A new file that only this user may read, or what stands there already (a pipe, a terminal) as it is."""
    try:
        if output is None or output.exists():
            return click.open_file(str(output or "-"), "w", encoding="utf-8")
        return os.fdopen(create_private(output), "w", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None


def _head(line: str) -> str:
    entry = json.loads(line) if line else {"seq": 0, "hash": verify_audit.START[1]}
    return f"{entry['seq']}:{entry['hash']}"


@audit.command()
@click.option("--checkpoint", "checkpoints", multiple=True, metavar="SEQ:HASH", help="A head that was noted earlier.")
def verify(checkpoints: tuple[str, ...]) -> int:
    """Verify the chain in the database, and that the tables say the same."""
    try:
        noted = [verify_audit.read_checkpoint(one) for one in checkpoints]
    except argparse.ArgumentTypeError:
        raise click.UsageError(
            "A checkpoint looks like 120:9f86d0… (a number, a colon, 64 hexadecimal digits)."
        ) from None
    # Read first: a server that works meanwhile may note a later one.
    beside = log_head.read(here().settings.database)
    log, found = verify_audit.Log(checkpoints=[*noted, *([beside] if beside else [])]), 0
    with client.reading() as connection, connection.snapshot():
        for line in audit_log.export(connection, DEFAULT_WORKSPACE):
            found += _told(log.read(line))
        found += _told(log.finish())
        found += _told_tables(reconciliation.compare(connection, DEFAULT_WORKSPACE))
    for line in (*log.explanations, *verify_audit.told_erasures(log)):
        click.echo(line, err=line not in log.explanations)
    click.echo(f"{log.entries:,} entries, {log.erased:,} of them with erased content; head {log.head}")
    if found:
        click.echo(f"{found} finding{'s' if found > 1 else ''}: the log or the tables were changed.", err=True)
        return Exit.NO
    if log.unexplained:
        click.echo("The chain is whole, but contents were erased and no entry says by whom.", err=True)
        return Exit.WAITING
    click.echo("The log is whole.")
    return Exit.DONE


@audit.command()
@click.argument("run_id", metavar="RUN")
@click.option("--reason", required=True, help="Why; it is kept on the record.")
def erase(run_id: str, reason: str) -> None:
    """Erase what the record and the tables hold of the ended run RUN, for good.

    The links of the chain stay: who decided what and when, and an entry that says who erased the contents and why.
    """
    reply = client.carry_out("erase", {"run": run_id, "reason": reason})
    click.echo(f"Erased the contents of {client.answered(reply)['entries']} entries of run {run_id}.")


def _told_tables(sentences: Iterator[str]) -> int:
    """Print the first of them, and how many more there are."""
    count = 0
    for count, sentence in enumerate(sentences, 1):
        if count <= SHOWN:
            click.echo(f"tables: {sentence}", err=True)
    if count > SHOWN:
        click.echo(f"tables: and {count - SHOWN:,} more", err=True)
    return count


def _told(findings: Iterator[verify_audit.AuditFinding]) -> int:
    count = 0
    for count, finding in enumerate(findings, 1):  # noqa: B007 the count is the answer
        click.echo(str(finding), err=True)
    return count
