"""The command `signoff check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from bot.cli.context import json_option, load_context, read_workflow_file
from bot.cli.exit_codes import Exit
from bot.presentation import dates
from bot.step_types import load_step_types
from bot.terminal.output import print_sentence, render_json
from engine import schedules, workflowfile
from engine.errors import DefinitionError, Problem
from engine.runs import examples
from engine.steps.missing_services import find_missing
from engine.system import SystemClock
from engine.workflowfile import Workflow
from engine.workflowfile.phrases import same_title
from engine.workflowfile.step_kinds import StepKind


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--examples", "with_examples", is_flag=True, help="Also play the examples of each file.")
@json_option
def check(files: tuple[Path, ...], with_examples: bool, as_json: bool) -> int:
    """Check workflow FILES, and print all their problems."""
    kinds = load_step_types(load_context().settings)
    checked = [(file, *_check_file(file, kinds)) for file in files]
    problems = [(file, problem) for file, _, found in checked for problem in found]
    workflows = [(file, workflow) for file, workflow, _ in checked if workflow is not None]
    if with_examples:
        problems += [(file, wrong) for file, workflow in workflows for wrong in _play_examples(workflow)]
    if as_json:
        click.echo(render_json([{"file": str(file), **problem.facts()} for file, problem in problems]))
    else:
        _print(problems, len(files))
        for file, workflow in workflows:
            for sentence in find_missing(workflow, kinds):
                click.echo(f"Note: {file}: {sentence}", err=True)
        _print_same_titles(workflows)
        for file, workflow in workflows if not problems else ():
            _print_schedules(file, workflow)
            _print_plans(file, workflow)
    return Exit.NO if problems else Exit.DONE


def _check_file(file: Path, kinds: Mapping[str, StepKind]) -> tuple[Workflow | None, Sequence[Problem]]:
    """Return the workflow of a file, or its problems."""
    try:
        return workflowfile.load(read_workflow_file(file), kinds=kinds), ()
    except DefinitionError as error:
        return None, error.problems
    except OSError as error:
        # A file that is missing hides no problem of the others.
        return None, [Problem(f"The file cannot be read: {error.strerror}.")]


def _play_examples(workflow: Workflow) -> Iterator[Problem]:
    """Play the examples of a file, and yield a problem for each thing that is not as one of them expects."""
    now = SystemClock().now()
    if not workflow.examples:
        yield Problem("The file has no examples.", hint="Write some under `examples`.")
    for index, example in enumerate(workflow.examples):
        for sentence in examples.failures(workflow, example, now):
            yield Problem(f"Example “{example.name}”: {sentence}", path=f"examples[{index}]")


def _print_same_titles(workflows: Sequence[tuple[Path, Workflow]]) -> None:
    """Print a note for each file whose workflow has the title of one in a file before it."""
    first = dict[str, str]()
    for file, workflow in workflows:
        other = first.setdefault(workflow.title.lower(), workflow.name)
        if other != workflow.name:
            click.echo(f"Note: {file}: {same_title(other)}", err=True)


def _print_schedules(file: Path, workflow: Workflow) -> None:
    """Print when the schedules of a file are due next, in their own time zones."""
    now = SystemClock().now()
    for trigger in workflow.triggers:
        if trigger.schedule is not None:
            click.echo(f"{file}: {schedules.described(trigger.schedule)} starts a run next at")
            for at in schedules.upcoming(trigger.schedule, now):
                click.echo(f"  {at:%a} {dates.in_zone(at.tzinfo)(at)} ({at:%Z})")


def _print_plans(file: Path, workflow: Workflow) -> None:
    """Print what of a file may go through without review, and how much of it is bad at worst."""
    for sentence in workflow.plan_meanings:
        print_sentence(f"{file}: {sentence}")


def _print(problems: list[tuple[Path, Problem]], files: int) -> None:
    for file, problem in problems:
        print_sentence(problem.sentence(str(file)))
    if problems:
        faulty = len({file for file, _ in problems})
        of_files = "1 file has" if files == 1 else f"{faulty} of {files} files {'has' if faulty == 1 else 'have'}"
        click.echo(f"{of_files} problems.", err=True)
    else:
        click.echo("No problems.")
