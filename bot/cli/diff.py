"""The command `signoff diff`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.text import Text

from bot.cli import client
from bot.cli.context import json_option, load_context, read_workflow_argument
from bot.cli.exit_codes import Exit
from bot.cli.workflow_names import unknown_workflow
from bot.presentation import characters
from bot.step_types import load_step_types
from bot.terminal.output import create_console, print_sentence, render_json
from engine import workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.errors import DefinitionError
from engine.json_values import Value
from engine.store import workflow_versions
from engine.version_views import VersionView
from engine.workflowfile import Workflow, difference, difference_words

_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two files that are compared. `label`: what it is."""

    label: str
    source: bytes


@click.command()
@click.argument("workflow", metavar="FILE|NAME")
@click.argument("a", type=click.IntRange(min=1), required=False)
@click.argument("b", type=click.IntRange(min=1), required=False)
@json_option
def diff(workflow: str, a: int | None, b: int | None, as_json: bool) -> int:
    """Say what differs between two versions of a workflow, or from its file.

    FILE: the current version, or version A, and the file. NAME: versions A and B; without B the current one, without
    both the one before it. Ends with 1 if they differ.
    """
    before, after = _sides_of_file(Path(workflow), a, b) if _is_file(workflow) else _sides(workflow, a, b)
    changes = _changes(before, after)
    lines = difference.text_difference(before.source, after.source)
    if as_json:
        facts: dict[str, Value] = {"from": before.label, "to": after.label}
        click.echo(render_json({**facts, "changes": list[Value](changes), "difference": lines}))
    elif before.source == after.source:
        print_sentence(f"{before.label} and {after.label} are the same.")
    else:
        _print(before, after, changes, lines)
    return Exit.DONE if before.source == after.source else Exit.NO


def _is_file(argument: str) -> bool:
    """Return whether an argument is a file: the name of a workflow has neither dots nor slashes."""
    return "." in argument or "/" in argument or Path(argument).is_file()


def _sides_of_file(file: Path, a: int | None, b: int | None) -> tuple[Side, Side]:
    if b is not None:
        raise click.UsageError("A file is compared with one version. Leave out the second one.")
    source = read_workflow_argument(file)
    name = _load(source, str(file)).name
    versions = _versions(name)
    return _side(_version(versions, a) if a is not None else _current(versions)), Side(str(file), source)


def _sides(name: str, a: int | None, b: int | None) -> tuple[Side, Side]:
    versions = _versions(name)
    after = _current(versions) if b is None else _version(versions, b)
    if a is None and after.version == 1:
        raise click.UsageError(f"{name} has only one version. Compare it with a file: signoff diff FILE")
    return _side(_version(versions, after.version - 1 if a is None else a)), _side(after)


def _versions(name: str) -> list[VersionView]:
    with client.open_for_reading() as connection:
        versions = workflow_versions.version_views(connection, DEFAULT_WORKSPACE, name)
        if not versions:
            raise unknown_workflow(connection, name)
    return versions


def _current(versions: list[VersionView]) -> VersionView:
    return next(view for view in versions if view.is_current)


def _version(versions: list[VersionView], number: int) -> VersionView:
    found = next((view for view in versions if view.version == number), None)
    if found is None:
        latest = max(view.version for view in versions)
        raise click.UsageError(f"{versions[0].workflow} has no version {number}. Its latest one is {latest}.")
    return found


def _side(view: VersionView) -> Side:
    return Side(f"{view.workflow}, version {view.version}", view.source)


def _load(source: bytes, label: str) -> Workflow:
    try:
        return workflowfile.load(source, kinds=load_step_types(load_context().settings), registered=True)
    except DefinitionError as error:
        for problem in error.problems:
            print_sentence(problem.sentence(label), err=True)
        raise click.exceptions.Exit(Exit.USAGE) from None


def _changes(before: Side, after: Side) -> list[str]:
    if before.source == after.source:
        return []
    return difference_words.sentences(_load(before.source, before.label), _load(after.source, after.label))


def _print(before: Side, after: Side, changes: list[str], lines: str) -> None:
    console = create_console()
    print_sentence(f"From {before.label} to {after.label}:")
    for change in changes:
        print_sentence(f"- {change}")
    if not changes:
        print_sentence("Only comments, quotes or the order of keys differ.")
    for line in lines.split("\n"):
        console.print(Text(characters.visible(line), style=_COLOURS.get(line[:1], "")))
