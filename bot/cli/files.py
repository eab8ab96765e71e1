"""Commands about workflow files: check, try, register, workflows."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import click

from bot.cli import reach, trial, wire
from bot.cli.exits import Exit
from bot.cli.reach import json_option
from bot.kinds import step_types
from bot.terminal import screen
from engine import definition
from engine.definition.yaml import MAX_BYTES
from engine.errors import DefinitionError, Problem
from engine.model import DEFAULT_WORKSPACE
from engine.store import reading


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            # A character more than is taken: enough to see that a file is too large, however large it is.
            return opened.read(MAX_BYTES + 4)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> int:
    """Check workflow FILES, and print everything that is wrong with them, with its line."""
    kinds = step_types(reach.here().settings)
    found: list[tuple[Path, Problem]] = []
    for file in files:
        try:
            definition.load(_bytes(file), kinds=kinds)
        except DefinitionError as error:
            found += [(file, problem) for problem in error.problems]
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
@click.option("--as", "person", metavar="EMAIL", help="Answer as this person, instead of as the first one asked.")
@click.option("--db", "database", type=click.Path(path_type=Path), help="Keep the run in this file, or go on with it.")
def try_(
    file: Path | None, inputs: tuple[str, ...], answers: tuple[str, ...], person: str | None, database: Path | None
) -> int:
    """Run the workflow in FILE here, and answer its requests at this terminal.

    Steps really happen: an http step calls the real address. The decisions count for this trial only.
    """
    if file is None and database is None:
        raise click.UsageError("Name a workflow file, or go on with a trial: signoff try --db FILE")
    if file is None and inputs:
        raise click.UsageError("Inputs belong to a new run; name its workflow file too.")
    source = _bytes(file) if file is not None else None
    plan = trial.Plan(
        source=source,
        file=str(file or ""),
        inputs=reach.pairs(inputs, what="an input"),
        answers=answers,
        person=person,
        database=database,
    )
    return trial.play(plan)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def register(file: Path, as_json: bool) -> None:
    """Register the workflow in FILE, or a new version of it."""
    raw = _bytes(file)
    try:
        # The end of a file that is too large may be the middle of a character.
        source = codecs.getincrementaldecoder("utf-8")().decode(raw, final=len(raw) <= MAX_BYTES)
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is not text in UTF-8.") from None
    reply = reach.carry_out("register", {"source": source})
    problems: Any = reply.facts.get("problems", [])
    for problem in problems:
        screen.say(Problem(**problem).sentence(str(file)), err=True)
    facts = reach.answered(reply)
    if as_json:
        click.echo(screen.as_json(facts))
    elif facts["changed"]:
        click.echo(
            f"Registered {facts['workflow']}, version {facts['version']}. Run it: signoff run {facts['workflow']}"
        )
    else:
        click.echo(f"{facts['workflow']} is registered like this already, as version {facts['version']}.")


@click.command()
@json_option
def workflows(as_json: bool) -> None:
    """List the registered workflows."""
    with reach.reading() as connection:
        found = reading.workflow_views(connection, DEFAULT_WORKSPACE)
    if as_json:
        click.echo(screen.as_json([wire.workflow(one) for one in found]))
        return
    rows = [(one.name, str(one.version), one.title, one.owner.label, screen.when(one.updated_at)) for one in found]
    reach.console().print(screen.listing(("name", "version", "title", "owner", "updated"), rows))
