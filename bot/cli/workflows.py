"""Commands about registered workflows: register, workflows."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bot.cli import client, serialize
from bot.cli.context import json_option, read_workflow_argument
from bot.cli.versions import end_if_proposed, print_warnings
from bot.local.reply import CommandReply
from bot.terminal.output import create_console, format_time, print_sentence, render_json, render_table
from engine.domain import DEFAULT_WORKSPACE
from engine.domain.workflow_commands import WorkflowState
from engine.errors import Problem
from engine.read_models import WorkflowView
from engine.store import sampling_queries
from engine.store.workflows import workflow_views
from engine.workflowfile.yaml_tree import MAX_BYTES


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def register(file: Path, as_json: bool) -> None:
    """Register the workflow in FILE, or a new version of it."""
    raw = read_workflow_argument(file)
    try:
        # A file that is too large was read up to a limit, which may lie in the middle of a character.
        source = codecs.getincrementaldecoder("utf-8")().decode(raw, final=len(raw) <= MAX_BYTES)
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is not text in UTF-8.") from None
    print_registered(client.carry_out("register", {"source": source}), file=str(file), as_json=as_json)


def print_registered(reply: CommandReply, *, as_json: bool, file: str = "") -> None:
    """Print what became of a registration. A refusal, a problem or a proposal ends the command."""
    problems: Any = reply.facts.get("problems", [])
    for problem in problems:
        print_sentence(Problem(**problem).sentence(file), err=True)
    facts = client.facts_of(reply)
    end_if_proposed(facts, as_json=as_json)
    print_warnings(facts)
    if as_json:
        click.echo(render_json(facts))
    elif facts["changed"]:
        click.echo(f"Registered {facts['workflow']}, version {facts['version']}. {_next_step(facts)}")
    else:
        click.echo(f"{facts['workflow']} has not changed. Version {facts['version']} is already registered.")
    plans: Any = facts.get("plans", [])
    for plan in plans if not as_json else ():
        print_sentence(plan)


def _next_step(facts: Mapping[str, Any]) -> str:
    if facts.get("takes_asks"):
        return "Programs can ask now. Make a key for one: signoff keys create NAME"
    return f"Run it: signoff run {facts['workflow']}"


@click.command()
@json_option
def workflows(as_json: bool) -> None:
    """List the registered workflows."""
    with client.open_for_reading() as connection:
        views = workflow_views(connection, DEFAULT_WORKSPACE)
        plans = sampling_queries.plan_views(connection, DEFAULT_WORKSPACE) if as_json else []
    if as_json:
        click.echo(render_json([serialize.workflow(view, plans) for view in views]))
        return
    if not views:
        click.echo("No workflows are registered. Register one: signoff register FILE")
        return
    create_console().print(
        render_table(("name", "version", "title", "owner", "updated", "next run"), [*map(_row, views)])
    )
    for view in views:
        for trigger in view.triggers:
            if trigger.failure is not None:
                print_sentence(f"The {trigger.kind} of {view.name} could not start a run: {trigger.failure}", err=True)


def _row(view: WorkflowView) -> tuple[str, ...]:
    updated, next_run = format_time(view.updated_at), format_time(view.next_at)
    name = view.name if view.state is WorkflowState.ACTIVE else f"{view.name} ({view.state.value})"
    return name, str(view.version), view.title, view.owner.label, updated, next_run
