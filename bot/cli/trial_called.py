"""The workflows that the workflow of a trial runs: their files, and the answers that their runs ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot import app
from bot.cli.context import read_workflow_argument
from bot.cli.exit_codes import Exit
from bot.cli.folder_files import read_folder
from bot.presentation import characters
from bot.terminal.output import print_sentence
from engine import workflowfile
from engine.domain import RunStatus
from engine.errors import DefinitionError
from engine.service.sync import called_names, in_order
from engine.workflowfile import StepKind, Workflow

if TYPE_CHECKING:
    from bot.cli.trial import Trial, TrialOptions


def find_called(workflow: Workflow, options: TrialOptions, kinds: Mapping[str, StepKind]) -> list[Workflow]:
    """Return the workflows that a workflow runs, each after those that it runs itself.

    Files that are named come before those beside the file. What is in no file is left out, and refused later.
    """
    wanted = [*called_names(workflow)]
    candidates = [*_candidates(Path(options.file), options.others)] if wanted else []
    found = dict[str, Workflow]()
    while wanted:
        name = wanted.pop()
        source = next(((path, text) for path, text in candidates if _has_name(text, name)), None)
        if source is not None and name not in found and name != workflow.name:
            found[name] = _load(*source, kinds)
            wanted += called_names(found[name])
    return in_order([*found.values()])


def _candidates(file: Path, named: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield the files in which a workflow may be, with their texts."""
    for path in named:
        yield str(path), read_workflow_argument(path).decode("utf-8", "replace")
    for name, text in read_folder(file.parent).sources.items():
        yield str(file.parent / name), text


def _has_name(text: str, name: str) -> bool:
    return re.search(rf"""^name:[ \t]*["']?{re.escape(name)}["']?[ \t]*(?:#.*)?\r?$""", text, re.MULTILINE) is not None


def _load(path: str, text: str, kinds: Mapping[str, StepKind]) -> Workflow:
    try:
        return workflowfile.load(text.encode(), kinds=kinds)
    except DefinitionError as error:
        for problem in error.problems:
            print_sentence(problem.sentence(path), err=True)
        raise click.exceptions.Exit(Exit.NO) from None


def begun(trial: Trial) -> list[str]:
    """Return the runs that no other run has started, of those that have not ended."""
    return [run for run in trial.unfinished() if trial.view(run).parent is None]


def answer(trial: Trial, run: str, seen: set[str]) -> tuple[bool, int | None]:
    """Tell the story of the runs that a run has started, and answer what one of them asks.

    Return whether one of them asked, and the exit code if the trial has to stop there. `seen`: those that were told of.
    """
    seen |= {*trial.unfinished()} - {run}
    for called in sorted(seen):
        trial.portal.call(app.wait_for_run, trial.app, called)
        view = trial.view(called)
        trial.print_story(view)
        if view.status.ended:
            seen.discard(called)
            trial.console.print(f"The run of {characters.line(view.workflow_title)} has ended.", style="dim")
        elif view.status is RunStatus.NEEDS_ATTENTION:
            return True, trial.ask_outcome(view)
        elif (request := trial.pending_request(called)) is not None:
            return True, trial.decide(request)
    return False, None
