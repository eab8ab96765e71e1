"""The command `signoff sync`."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.cli.exit_codes import Exit
from bot.cli.folder_files import FolderFiles, read_folder
from bot.presentation import characters, sync_report
from bot.terminal.output import print_sentence, render_json
from engine.errors import Problem
from engine.json_values import Value

_EMPTY: Final = "There is no workflow file here. Their names end in .yaml or .yml."


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--apply", "applies", is_flag=True, help="Do it. Without this option, only say what would be done.")
@click.option("--delete", is_flag=True, help="Disable the registered workflows that have no file in DIR.")
@click.option("--summary", type=click.Path(path_type=Path), help="Write a summary in Markdown to this file.")
@json_option
def sync(folder: Path, applies: bool, delete: bool, summary: Path | None, as_json: bool) -> int:
    """Make the registered workflows those of the files in DIR: all of them, or none.

    Without --apply, nothing is changed.
    """
    with _opened(summary) as report:
        files = read_folder(folder)
        if not files.sources and not files.problems:
            # With --delete, a mistake in the path would stop every workflow.
            files.problems.append((characters.line(str(folder)), Problem(_EMPTY)))
        facts, problems = _ask(files, {"apply": applies, "delete": delete})
        if problems:
            sentences = [problem.sentence(file) for file, problem in problems]
            report.write(sync_report.problems(sentences))
            return _refuse(problems, sentences, as_json=as_json)
        workflows = sync_report.ordered(facts["workflows"])
        report.write(sync_report.summary(workflows, applied=applies))
    return _show(workflows, applies=applies, as_json=as_json)


def _show(workflows: Sequence[Mapping[str, Any]], *, applies: bool, as_json: bool) -> int:
    if as_json:
        click.echo(render_json({"applied": applies, "workflows": [dict(one) for one in workflows]}))
    else:
        _print(workflows, applied=applies)
    is_proposed = applies and any(one["outcome"] == "proposed" for one in workflows)
    return Exit.WAITING if is_proposed else Exit.DONE


def _ask(files: FolderFiles, options: Mapping[str, Value]) -> tuple[dict[str, Any], list[tuple[str, Problem]]]:
    """Return the facts of the reply, and all problems. With a file that cannot be read, nothing is done."""
    # The other files are looked at all the same, so that all problems are known at once.
    safe = {**options, "apply": False} if files.problems else dict(options)
    reply = client.carry_out("sync", {"files": dict[str, Value](files.sources), **safe})
    found: Any = reply.facts.get("problems", [])
    told = [(str(one["file"]), _problem_of(one)) for one in found]
    if reply.refused is not None and not told:
        client.refuse(reply.refused)
    return dict(reply.facts), sorted([*files.problems, *told], key=lambda one: one[0])


def _problem_of(facts: Mapping[str, Any]) -> Problem:
    return Problem(**{name: value for name, value in facts.items() if name != "file"})


def _refuse(problems: Sequence[tuple[str, Problem]], sentences: Sequence[str], *, as_json: bool) -> int:
    if as_json:
        click.echo(render_json({"problems": [{"file": file, **problem.facts()} for file, problem in problems]}))
    for sentence in () if as_json else sentences:
        print_sentence(sentence, err=True)
    print_sentence("Nothing was changed.", err=True)
    return Exit.NO


def _print(workflows: Sequence[Mapping[str, Any]], *, applied: bool) -> None:
    for one in filter(sync_report.is_told, workflows):
        print_sentence(sync_report.line(one, applied=applied))
        for change in one["changes"]:
            print_sentence(f"  {change}")
        for warning in one["warnings"]:
            print_sentence(f"Warning: {warning}", err=True)
    print_sentence(sync_report.total(workflows, applied=applied))


def _opened(summary: Path | None) -> IO[str]:
    """Open the file for the summary before anything is done, so that nothing is done without it."""
    try:
        return io.StringIO() if summary is None else summary.open("w", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{summary} cannot be written: {error.strerror}. Nothing was changed.") from None
