"""The command `export decisions`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

import click

from bot.cli import client, decision_records
from bot.cli.context import check_absent
from bot.cli.output_files import open_output
from engine import json_values
from engine.domain import DEFAULT_WORKSPACE
from engine.json_values import Value
from engine.store import decision_export
from engine.store.decision_export import DecisionFilter

_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def export() -> None:
    """Export who decided what, what was changed, and what became of it."""


@export.command()
@click.option("--since", type=_DAY, required=True, metavar="DATE", help="The first day, in UTC, like 2026-11-01.")
@click.option("--until", type=_DAY, metavar="DATE", help="The last day, in UTC. Default: today.")
@click.option("--workflow", metavar="NAME", help="Only decisions about this workflow.")
@click.option("--format", "as_", type=click.Choice(["jsonl", "csv"]), required=True, help="JSON Lines or CSV.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write. Default: standard output.")
def decisions(since: datetime, until: datetime | None, workflow: str | None, as_: str, output: Path | None) -> None:
    """Write one line for each request that a person decided, the oldest decision first.

    Each line has the content as it was asked and as it was approved, every difference, who decided when and why, and
    what became of the step. Secrets are not in it, only their names.
    """
    if until is not None and until < since:
        raise click.UsageError("The last day is before the first day. Give --since an earlier date than --until.")
    if output is not None:
        check_absent(output)
    wanted = DecisionFilter(
        since=since.replace(tzinfo=UTC),
        until=until.replace(tzinfo=UTC) + timedelta(days=1) if until is not None else None,
        workflow=workflow,
    )
    with client.open_for_reading() as connection, open_output(output) as out:
        found = decision_export.export(connection, DEFAULT_WORKSPACE, wanted)
        write = _write_csv if as_ == "csv" else _write_json_lines
        count = write(out, map(decision_records.record, found))
    if output is not None:
        click.echo(f"Wrote {output}: {count:,} {'decision' if count == 1 else 'decisions'}.")


def _write_json_lines(out: IO[str], records: Iterator[dict[str, Value]]) -> int:
    count = 0
    for count, record in enumerate(records, 1):  # noqa: B007 the count is the answer
        out.write(json_values.dumps(record) + "\n")
    return count


def _write_csv(out: IO[str], records: Iterator[dict[str, Value]]) -> int:
    """Write the records as RFC 4180 has them: each line ends with CR and LF."""
    writer, count = csv.writer(out, lineterminator="\r\n"), 0
    writer.writerow(decision_records.csv_header())
    for count, record in enumerate(records, 1):  # noqa: B007 the count is the answer
        writer.writerow(decision_records.csv_row(record))
    return count
