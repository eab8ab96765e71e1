"""Names of workflows in arguments: a name that no workflow has ends the command, with the name that is like it."""

from __future__ import annotations

import difflib

import click

from bot.presentation import refusals
from engine.domain import DEFAULT_WORKSPACE, NotFound
from engine.store import workflows
from engine.store.connection import Connection


def check_workflow(connection: Connection, name: str | None) -> None:
    """Raise an error for a name that no workflow has: an empty answer would say that nothing happened."""
    names = workflows.load_names(connection, DEFAULT_WORKSPACE) if name is not None else []
    if name is not None and name not in names:
        raise unknown_workflow(connection, name)


def unknown_workflow(connection: Connection, name: str) -> click.UsageError:
    """Return the error for a name that no workflow has."""
    close = difflib.get_close_matches(name, workflows.load_names(connection, DEFAULT_WORKSPACE), n=1)
    unknown = NotFound(what="workflow", name=name, suggestion=close[0] if close else None)
    return click.UsageError(refusals.sentence(unknown))
