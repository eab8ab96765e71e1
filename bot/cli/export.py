"""The command `export decisions`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import click

from bot.cli import client
from bot.cli.context import check_absent
from bot.cli.days import DAY
from bot.cli.export_workflows import export_workflows
from bot.cli.output_files import open_output
from bot.cli.workflow_names import check_workflow
from bot.presentation import decision_records
from engine.domain import DEFAULT_WORKSPACE
from engine.read_models import DecisionFilter
from engine.store import decision_export, sampling_queries
from engine.store.connection import Connection


class _ExportGroup(click.Group):
    """The exports. Without the name of one, the workflows are exported: `signoff export DIR`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the export that is named, or that of workflows."""
        named = args and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if named else [export_workflows.name or "", *args])


@click.group(cls=_ExportGroup)
def export() -> None:
    """Export workflows as files; or who decided what, what was changed, and what became of it."""


export.add_command(export_workflows)


@export.command()
@click.option("--since", type=DAY, required=True, metavar="DATE", help="The first day, in UTC, like 2026-11-01.")
@click.option("--until", type=DAY, metavar="DATE", help="The last day, in UTC. Default: today.")
@click.option("--workflow", metavar="NAME", help="Only decisions about this workflow.")
@click.option("--format", "as_", type=click.Choice(["jsonl", "csv"]), required=True, help="JSON Lines or CSV.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write. Default: standard output.")
def decisions(since: datetime, until: datetime | None, workflow: str | None, as_: str, output: Path | None) -> None:
    """Write one line for each request that a person decided, the oldest decision first.

    Each line has the content as it was asked and as it was approved, every difference, who decided when and why, and
    what became of the step. Secrets are not in it, only their names. What went through without review follows, with
    the verdict not_reviewed.
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
    with client.open_for_reading() as connection:
        check_workflow(connection, workflow)
        count = _write(connection, wanted, as_, output)
    if output is not None:
        click.echo(f"Wrote {output}: {count:,} {'decision' if count == 1 else 'decisions'}.")


def _write(connection: Connection, wanted: DecisionFilter, as_: str, output: Path | None) -> int:
    """Write the export, and return the number of its lines."""
    count = 0
    with open_output(output) as out:
        found = decision_export.export(connection, DEFAULT_WORKSPACE, wanted)
        passed = sampling_queries.unreviewed_visits(connection, DEFAULT_WORKSPACE, wanted)
        lines = chain(
            decision_records.csv_lines(found) if as_ == "csv" else decision_records.json_lines(found),
            decision_records.unreviewed_lines(passed, as_csv=as_ == "csv"),
        )
        if as_ == "csv":
            out.write(decision_records.csv_head())
        for count, line in enumerate(lines, 1):  # noqa: B007 the count is the answer
            out.write(line)
    return count
