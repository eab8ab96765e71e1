"""The command `signoff try`."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli import client, trial
from bot.cli.context import read_workflow_argument


@click.command("try")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the run.")
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="approve|reject[:REASON]|edit:FIELD=VALUE",
    help="Answer without asking. Given once, it answers every request; given again, each answers the next one.",
)
@click.option("--as", "person", metavar="EMAIL", help="Answer as this person, instead of the first approver.")
@click.option("--db", "database", type=click.Path(path_type=Path), help="Keep the run in this file, or continue it.")
def try_(
    file: Path | None, inputs: tuple[str, ...], answers: tuple[str, ...], person: str | None, database: Path | None
) -> int:
    """Run the workflow in FILE here, and answer its requests.

    Steps really run: an http step calls the real address. The decisions count for this trial only.
    """
    if file is None and database is None:
        raise click.UsageError("Name a workflow file, or go on with a trial: signoff try --db FILE")
    if file is None and inputs:
        raise click.UsageError("Inputs belong to a new run; name its workflow file too.")
    source = read_workflow_argument(file) if file is not None else None
    options = trial.TrialOptions(
        source=source,
        file=str(file or ""),
        inputs=client.parse_pairs(inputs, noun="an input"),
        answers=answers,
        person=person,
        database=database,
    )
    return trial.play(options)
