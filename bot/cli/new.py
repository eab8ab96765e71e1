"""The command `signoff new`: a workflow from the gallery, as a file or registered at once."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Collection
from pathlib import Path
from typing import Final

import click

from bot import databases, gallery, gallery_answers
from bot.cli import client, new_answers
from bot.cli.context import json_option, load_context
from bot.cli.workflows import print_registered
from bot.gallery import GalleryTemplate
from bot.gallery_answers import BuiltFile
from bot.presentation import characters, input_words, step_words
from bot.step_types import load_step_types
from bot.terminal.output import create_console, print_sentence, render_json
from engine.domain import DEFAULT_WORKSPACE
from engine.json_values import Value
from engine.steps.missing_services import find_missing
from engine.store import workflows as stored_workflows
from engine.system import SystemClock
from engine.workflowfile import Workflow

_INDENT: Final = "   "


@click.command()
@click.argument("template", required=False)
@click.option("--answer", "answers", multiple=True, metavar="NAME=VALUE", help="The answer to one of its questions.")
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path), help="The file to write. Default: NAME.yaml."
)
@click.option("--register", "registers", is_flag=True, help="Register it at once, and write no file.")
@json_option
def new(template: str | None, answers: tuple[str, ...], output: Path | None, registers: bool, as_json: bool) -> None:
    """Make a workflow from the gallery. Without TEMPLATE, the gallery is listed.

    At a terminal you are asked what the template needs, such as who approves; elsewhere --answer says it. The steps
    that come of it are shown, and the file is written. A file that exists is never replaced.
    """
    if registers and output is not None:
        raise click.UsageError("--register writes no file. Leave --output or --register out.")
    chosen = _find(template) if template is not None else _choose(as_json=as_json)
    if chosen is None:
        return
    given, asks = client.parse_pairs(answers, noun="an answer"), sys.stdin.isatty() and not as_json
    new_answers.check_names(chosen, given)
    taken = _registered()
    typed = (new_answers.ask if asks else new_answers.without_a_terminal)(chosen, given, taken)
    built = _build(chosen, typed, taken)
    assert built.workflow is not None
    if not as_json:
        _show(built.workflow)
    registers = registers or (asks and output is None and click.confirm("Register it now?", default=False))
    if registers:
        print_registered(client.carry_out("register", {"source": built.source.decode()}), as_json=as_json)
    else:
        _write(output or Path(f"{built.workflow.name}.yaml"), built, as_json=as_json)


# -- the template -------------------------------------------------------------------------------------------


def _find(name: str) -> GalleryTemplate:
    template = gallery.load().find(name)
    if template is None:
        names = ", ".join(template.name for template in gallery.load().templates)
        raise click.UsageError(f"The gallery has no {characters.line(name)}. It has {names}.")
    return template


def _choose(*, as_json: bool) -> GalleryTemplate | None:
    """List the gallery, and ask for a template at a terminal."""
    if as_json:
        click.echo(render_json([_facts(template) for template in gallery.load().templates]))
        return None
    for group, templates in gallery.load().groups.items():
        click.echo(f"{group}")
        for template in templates:
            click.echo(f"  {template.name:<12} {template.purpose}")
    if not sys.stdin.isatty():
        click.echo("Make one: signoff new TEMPLATE")
        return None
    names = [template.name for template in gallery.load().templates]
    return _find(click.prompt("Which one", type=click.Choice(names), show_choices=False))


def _facts(template: GalleryTemplate) -> Value:
    questions: list[Value] = [
        {
            "name": question.name,
            "label": question.label,
            "help": question.help,
            "default": question.default,
            "required": question.required,
        }
        for question in new_answers.questions(template, ())
    ]
    return {
        "template": template.name,
        "title": template.title,
        "group": template.group,
        "purpose": template.purpose,
        "questions": questions,
    }


# -- the workflow -------------------------------------------------------------------------------------------


def _registered() -> set[str]:
    """Return the names that workflows have already."""
    settings = load_context().settings
    if settings.server_url is None and not settings.database.exists():
        return set()
    with databases.reading(settings) as connection:
        return set(stored_workflows.load_names(connection, DEFAULT_WORKSPACE))


def _build(template: GalleryTemplate, typed: dict[str, str], taken: Collection[str]) -> BuiltFile:
    kinds = load_step_types(load_context().settings)
    built = gallery_answers.build_checked(template, typed, taken, kinds, SystemClock().now())
    if built.wrong is not None:
        lines = [f"  {name}: {sentence}" for name, sentence in built.wrong.items()]
        raise click.UsageError("\n".join(["These answers make no workflow:", *lines]))
    return built


def _show(workflow: Workflow) -> None:
    """Print the numbered steps, with who is asked when, and what is not set up here."""
    width = create_console().width
    print_sentence(f"{workflow.title} ({workflow.name})")
    if entered := input_words.sentence(workflow):
        print_sentence(textwrap.fill(entered, width))
    for number, step in enumerate(workflow.steps, start=1):
        print_sentence(step_words.title(number, step))
        sentences = "".join(piece.text for piece in step_words.of_step(workflow, step, {}))
        print_sentence(
            textwrap.fill(characters.line(sentences), width, initial_indent=_INDENT, subsequent_indent=_INDENT)
        )
    for note in find_missing(workflow, load_step_types(load_context().settings)):
        print_sentence(f"Note: {note}", err=True)


def _write(path: Path, built: BuiltFile, *, as_json: bool) -> None:
    """Write the file, unless it exists."""
    try:
        with path.open("xb") as file:
            file.write(built.source)
    except FileExistsError:
        raise click.UsageError(f"{path} exists already, and stays. Name another file: --output FILE") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from None
    if as_json:
        click.echo(render_json({"workflow": built.workflow.name if built.workflow else None, "file": str(path)}))
        return
    named = shlex.quote(str(path))
    print_sentence(f"Written to {path}.\n  Try it:      signoff try {named}\n  Register it: signoff register {named}")
