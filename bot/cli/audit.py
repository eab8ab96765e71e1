"""Commands about the audit log: audit export, audit verify, audit erase."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from bot.cli import client
from bot.cli.context import check_absent, load_context
from bot.cli.exit_codes import Exit
from bot.cli.output_files import open_output
from engine import verify_audit, verify_draws
from engine.domain import DEFAULT_WORKSPACE
from engine.store import audit_log, log_head, reconciliation

MAX_PRINTED: Final = 100
"""Maximum number of differences between log and tables that are printed."""


@click.group()
def audit() -> None:
    """Export, verify or erase the log of everything that happened."""


@audit.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write. Default: standard output.")
def export(output: Path | None) -> None:
    """Write the audit log as JSON Lines.

    Keep the last line's number and hash somewhere else: they prove later that no entry was cut off. The log can be
    verified without this program: python -m engine.verify_audit FILE
    """
    if output is not None:
        check_absent(output)
    last = ""
    # On one snapshot: an erasure meanwhile would name entries that were written before with their contents.
    with client.open_for_reading() as connection, connection.snapshot(), open_output(output) as out:
        for line in audit_log.export(connection, DEFAULT_WORKSPACE):
            out.write(line + "\n")
            last = line
    if output is not None:
        click.echo(f"Wrote {output}. Head: {_head(last)}")


def _head(line: str) -> str:
    entry = json.loads(line) if line else {"seq": 0, "hash": verify_audit.START[1]}
    return f"{entry['seq']}:{entry['hash']}"


@audit.command()
@click.option("--checkpoint", "checkpoints", multiple=True, metavar="SEQ:HASH", help="A head that you noted earlier.")
def verify(checkpoints: tuple[str, ...]) -> int:
    """Verify the chain in the database, and compare the tables with it."""
    try:
        heads = [verify_audit.read_checkpoint(checkpoint) for checkpoint in checkpoints]
    except argparse.ArgumentTypeError:
        raise click.UsageError(
            "Write a checkpoint like 120:9f86d0…: the number of the entry, a colon, and its hash of 64 digits."
        ) from None
    # The noted head is read before the log: a server that runs meanwhile may note a later one.
    settings = load_context().settings
    noted_head = log_head.read(settings.database) if settings.server_url is None else None
    log, findings = verify_audit.Log(checkpoints=[*heads, *([noted_head] if noted_head else [])]), 0
    draws = verify_draws.Draws()
    with client.open_for_reading() as connection, connection.snapshot():
        for line in audit_log.export(connection, DEFAULT_WORKSPACE):
            findings += _print_findings(log.read(line))
            findings += _print_findings(f"draws: {sentence}" for sentence in draws.read(line))
        findings += _print_differences(reconciliation.compare(connection, DEFAULT_WORKSPACE))
        if not (log.entries or findings or heads or (noted_head and noted_head[0])):
            click.echo("The audit log is empty: nothing has happened yet.")
            return Exit.DONE
        findings += _print_findings(log.finish())
    for line in (*log.explanations, *log.erasers):
        click.echo(line)
    for line in verify_audit.unexplained_erasures(log):
        click.echo(line, err=True)
    click.echo(f"{log.entries:,} entries, {log.erased:,} of them with erased content. Head: {log.head}")
    for sentence in _about_draws(draws):
        click.echo(sentence)
    if findings:
        click.echo(
            f"{findings} finding{'s' if findings > 1 else ''}: the audit log or the tables were changed.", err=True
        )
        return Exit.NO
    if log.unexplained:
        click.echo("The chain is intact, but no entry says who erased contents.", err=True)
        return Exit.WAITING
    click.echo("The audit log is intact.")
    return Exit.DONE


@audit.command()
@click.argument("run_id", metavar="RUN")
@click.option("--reason", required=True, help="The reason, which is kept in the audit log.")
def erase(run_id: str, reason: str) -> None:
    """Erase the contents of the ended run RUN for good.

    They are erased from the audit log and from the tables. The chain stays intact: the log still says who decided
    what and when, and who erased the contents and why.
    """
    reply = client.carry_out("erase", {"run": run_id, "reason": reason})
    click.echo(f"Erased the contents of {client.facts_of(reply)['entries']} entries of run {run_id}.")


def _print_differences(sentences: Iterator[str]) -> int:
    """Print the first differences between tables and log, and the number of the others. Return how many there are."""
    count = 0
    for count, sentence in enumerate(sentences, 1):
        if count <= MAX_PRINTED:
            click.echo(f"tables: {sentence}", err=True)
    if count > MAX_PRINTED:
        click.echo(f"tables: and {count - MAX_PRINTED:,} more", err=True)
    return count


def _about_draws(draws: verify_draws.Draws) -> Iterator[str]:
    """Yield how many draws of sampling plans were checked, and how many can be once their stage has ended."""
    if draws.checked:
        yield f"{draws.checked:,} draws of sampling plans were computed again with the salts that the log discloses."
    if draws.waiting:
        yield f"{draws.waiting:,} draws can be checked when their stage ends: until then the salt is secret."


def _print_findings(findings: Iterable[verify_audit.AuditFinding | str]) -> int:
    """Print the findings, and return how many there are."""
    count = 0
    for count, finding in enumerate(findings, 1):  # noqa: B007 the count is the answer
        click.echo(str(finding), err=True)
    return count
