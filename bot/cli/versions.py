"""Commands about the versions, the state and the owner of a workflow: versions, rollback, disable, enable, …"""

from __future__ import annotations

from typing import Any

import click

from bot.cli import client
from bot.cli.context import json_option
from bot.cli.exit_codes import Exit
from bot.cli.workflow_names import unknown_workflow
from bot.presentation.dates import iso
from bot.terminal.output import create_console, format_time, print_sentence, render_json, render_table
from engine.domain import DEFAULT_WORKSPACE
from engine.domain.workflow_commands import WorkflowState
from engine.json_values import Value
from engine.store import workflow_versions
from engine.version_views import VersionView


@click.command()
@click.argument("workflow")
@json_option
def versions(workflow: str, as_json: bool) -> None:
    """List the versions of WORKFLOW, the newest first."""
    with client.open_for_reading() as connection:
        views = workflow_versions.version_views(connection, DEFAULT_WORKSPACE, workflow)
        if not views:
            raise unknown_workflow(connection, workflow)
    if as_json:
        click.echo(render_json([_facts(view) for view in views]))
        return
    columns = ("version", "registered by", "at", "SHA-256")
    create_console().print(render_table(columns, [*map(_row, views)]))


def _row(view: VersionView) -> tuple[str, ...]:
    number = f"{view.version} (current)" if view.is_current else f"{view.version}"
    return number, view.registered_by.label, format_time(view.registered_at), view.hash[:12]


def _facts(view: VersionView) -> dict[str, Value]:
    return {
        "workflow": view.workflow,
        "version": view.version,
        "is_current": view.is_current,
        "registered_by": view.registered_by.label,
        "registered_at": iso(view.registered_at),
        "hash": view.hash,
    }


@click.command()
@click.argument("workflow")
@click.argument("version", type=click.IntRange(min=1), required=False)
@json_option
def rollback(workflow: str, version: int | None, as_json: bool) -> None:
    """Register the file of an older VERSION of WORKFLOW as its next version. Default: the one before the last."""
    facts = _carry_out("roll_back", {"workflow": workflow, "version": version}, as_json=as_json)
    if facts["changed"]:
        print_sentence(f"{facts['workflow']} has the file of that version again, as version {facts['version']}.")
    else:
        print_sentence(f"{facts['workflow']} has that file already, as version {facts['version']}.")


@click.command()
@click.argument("workflow")
@json_option
def disable(workflow: str, as_json: bool) -> None:
    """Let nothing start WORKFLOW any more. Open runs go on."""
    _change_state(workflow, WorkflowState.DISABLED, as_json=as_json)


@click.command()
@click.argument("workflow")
@json_option
def enable(workflow: str, as_json: bool) -> None:
    """Let WORKFLOW be started again."""
    _change_state(workflow, WorkflowState.ACTIVE, as_json=as_json)


@click.command()
@click.argument("workflow")
@json_option
def delete(workflow: str, as_json: bool) -> None:
    """Let nothing start WORKFLOW any more, and list it no more. Its versions and runs are kept."""
    _change_state(workflow, WorkflowState.DELETED, as_json=as_json)


@click.command()
@click.argument("workflow")
@click.argument("to", metavar="OWNER")
@json_option
def transfer(workflow: str, to: str, as_json: bool) -> None:
    """Give WORKFLOW another OWNER.

    A new version of its file names the owner: an email address, role:NAME or group:HANDLE.
    """
    facts = _carry_out("transfer", {"workflow": workflow, "to": to}, as_json=as_json)
    if facts["changed"]:
        print_sentence(f"{to} owns {facts['workflow']} now. Its file says so in version {facts['version']}.")
    else:
        print_sentence(f"{to} owns {facts['workflow']} already.")


def _change_state(workflow: str, state: WorkflowState, *, as_json: bool) -> None:
    facts = _carry_out("change_state", {"workflow": workflow, "state": state.value}, as_json=as_json)
    print_sentence(str(facts["says"]))


def _carry_out(command: str, arguments: dict[str, Value], *, as_json: bool) -> dict[str, Any]:
    """Return the facts of a change that was made. One that is printed as JSON, or that waits, ends the command."""
    facts = client.facts_of(client.carry_out(command, arguments))
    end_if_proposed(facts, as_json=as_json)
    if as_json:
        click.echo(render_json(facts))
        raise click.exceptions.Exit(Exit.DONE)
    print_warnings(facts)
    return facts


def print_warnings(facts: dict[str, Any]) -> None:
    """Print the doubts about a file."""
    warnings: Any = facts.get("warnings", [])
    for warning in warnings:
        print_sentence(f"Warning: {warning}", err=True)


def end_if_proposed(facts: dict[str, Any], *, as_json: bool) -> None:
    """Print that a change waits for an approval, and end the command, if it does."""
    if "proposal" not in facts:
        return
    if as_json:
        click.echo(render_json(facts))
    else:
        print_warnings(facts)
        print_sentence(f"{facts['says']} See it: signoff runs {facts['proposal']}")
    raise click.exceptions.Exit(Exit.WAITING)
