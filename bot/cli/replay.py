"""The command `signoff replay`."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli import client
from bot.cli.context import json_option, load_context, read_workflow_argument
from bot.cli.exit_codes import Exit
from bot.cli.workflow_names import check_workflow
from bot.presentation import replay_report
from bot.step_types import load_step_types
from bot.terminal.output import format_time, print_sentence, render_json
from engine import workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.errors import DefinitionError
from engine.replay import GateReplay, ReplayReport
from engine.store import recorded_visits, workflows
from engine.workflowfile import Workflow


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--last", metavar="N", default=1000, type=click.IntRange(1), help="How many visits to gates. Default: 1000."
)
@json_option
def replay(file: Path, last: int, as_json: bool) -> None:
    """Replay recorded requests with the gates of the changed workflow in FILE.

    It reads what was recorded, and asks no one and calls nothing. It says which requests would have opened, for which
    people, how many decisions that saves, and which rejections and edits would have been missed.
    """
    workflow = _load(file)
    with client.open_for_reading() as connection:
        check_workflow(connection, workflow.name)
        (workflow_id,) = workflows.load_named(connection, DEFAULT_WORKSPACE, workflow.name)
        gates = GateReplay(workflow)
        report = gates.report(recorded_visits.newest(connection, workflow_id, gates, last))
    if as_json:
        click.echo(render_json({"workflow": workflow.name, **replay_report.facts(report)}))
        return
    for sentence in (*_head(workflow.name, report), *replay_report.sentences(report)):
        click.echo(sentence)


def _load(file: Path) -> Workflow:
    """Return the workflow of a file. Its problems are printed, and end the command."""
    try:
        return workflowfile.load(read_workflow_argument(file), kinds=load_step_types(load_context().settings))
    except DefinitionError as error:
        for problem in error.problems:
            print_sentence(problem.sentence(str(file)), err=True)
        raise click.exceptions.Exit(Exit.NO) from None


def _head(name: str, report: ReplayReport) -> tuple[str, ...]:
    if report.since is None or report.until is None:
        return ()
    period = f"of runs from {format_time(report.since)} to {format_time(report.until)}"
    visits = "1 visit" if report.visits == 1 else f"{report.visits:,} visits"
    return (f"Replayed {visits} to gates of {name}, {period}.",)
