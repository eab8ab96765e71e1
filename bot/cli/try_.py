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
    "--ask",
    metavar="JSON|FILE",
    help="What a program would ask, as JSON or in a file, for a workflow that decides about asks.",
)
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="approve|reject[:REASON]|edit:FIELD=VALUE|revise:COMMENT",
    help="Answer without being asked. One answer is for every request, but retry. Several answer one request each.",
)
@click.option("--as", "person", metavar="EMAIL", help="Answer as this person, instead of the first approver.")
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file of a workflow that it runs. Those beside FILE are found.",
)
@click.option("--db", "database", type=click.Path(path_type=Path), help="Keep the run in this file, or continue it.")
def try_(
    file: Path | None,
    inputs: tuple[str, ...],
    ask: str | None,
    answers: tuple[str, ...],
    person: str | None,
    others: tuple[Path, ...],
    database: Path | None,
) -> int:
    """Try the workflow in FILE, and decide its requests yourself.

    Steps really run: an http step calls the real address. Decisions count for this trial only.
    """
    if file is None and database is None:
        raise click.UsageError("Name a workflow file, or continue a trial: signoff try --db FILE")
    if file is None and (inputs or ask):
        raise click.UsageError("Inputs and --ask are for a new run. Name its workflow file too.")
    source = read_workflow_argument(file) if file is not None else None
    options = trial.TrialOptions(
        source=source,
        file=str(file or ""),
        inputs=client.parse_pairs(inputs, noun="an input"),
        answers=answers,
        person=person,
        database=database,
        ask=ask,
        others=others,
    )
    return trial.play(options)
