"""The command `signoff export workflows`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from bot.cli import client
from bot.cli.exit_codes import Exit
from bot.cli.schema import schema_text
from bot.cli.workflow_names import check_workflow
from bot.terminal.output import print_sentence
from engine.domain import DEFAULT_WORKSPACE
from engine.store.workflows import workflow_views

SCHEMA: Final = "workflow.schema.json"


@click.command("workflows")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--force", is_flag=True, help="Overwrite files that differ from the registered version.")
def export_workflows(names: tuple[str, ...], folder: Path, force: bool) -> int:
    """Write the files of the registered workflows to DIR, byte for byte, each as NAME.yaml.

    Without a NAME, all of them. The JSON Schema that they may name is written beside them. Secrets are not in workflow
    files, only their names.
    """
    with client.open_for_reading() as connection:
        for name in names:
            check_workflow(connection, name)
        views = workflow_views(connection, DEFAULT_WORKSPACE)
    wanted = {f"{view.name}.yaml": view.source for view in views if not names or view.name in names}
    try:
        return _write_all(folder, wanted, force=force)
    except OSError as error:
        raise click.UsageError(f"{error.filename2 or error.filename} cannot be written: {error.strerror}.") from None


def _write_all(folder: Path, wanted: Mapping[str, bytes], *, force: bool) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    changed = [name for name, source in wanted.items() if not force and _differs(folder / name, source)]
    for name in changed:
        print_sentence(f"{folder / name} has changed since, and is not overwritten. Add --force to do it.", err=True)
    if changed:
        print_sentence("Nothing was written.", err=True)
        return Exit.NO
    for name, source in {**wanted, SCHEMA: schema_text().encode()}.items():
        _write(folder / name, source)
    count = "1 workflow" if len(wanted) == 1 else f"{len(wanted):,} workflows"
    print_sentence(f"Wrote {count} to {folder}.")
    return Exit.DONE


def _differs(path: Path, source: bytes) -> bool:
    """Return whether there is something else at this path. A link is never written through."""
    if path.is_symlink():
        return True
    return path.exists() and (not path.is_file() or path.read_bytes() != source)


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole: it is never there in parts, and a link in its place is replaced."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".signoff-")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
