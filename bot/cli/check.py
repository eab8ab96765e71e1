"""The command check."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.context import here, json_option, read
from bot.cli.exit_codes import Exit
from bot.step_types import step_types
from bot.terminal import screen
from engine import workflowfile
from engine.errors import DefinitionError, Problem


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> int:
    """Print everything that is wrong with workflow FILES."""
    kinds = step_types(here().settings)
    found: list[tuple[Path, Problem]] = []
    for file in files:
        try:
            workflowfile.load(read(file), kinds=kinds)
        except DefinitionError as error:
            found += [(file, problem) for problem in error.problems]
        except OSError as error:
            # One file that is not there hides nothing in the others.
            found.append((file, Problem(f"The file cannot be read: {error.strerror}.")))
    if as_json:
        click.echo(screen.as_json([{"file": str(file), **one.facts()} for file, one in found]))
    else:
        for file, problem in found:
            screen.say(problem.sentence(str(file)))
        bad = len({file for file, _ in found})
        click.echo(
            f"{len(files) - bad} of {len(files)} files can be used." if found else "No problems.", err=bool(found)
        )
    return Exit.NO if found else Exit.DONE
