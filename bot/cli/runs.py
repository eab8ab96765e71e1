"""Commands about runs: run, runs, cancel, resume."""

from __future__ import annotations

import secrets
from typing import Any

import click

from bot.cli import client, serialize
from bot.cli.context import json_option
from bot.cli.exit_codes import Exit
from bot.presentation import characters, states
from bot.terminal.output import create_console, format_time, render_json, render_table
from bot.terminal.view import quote, render_story_entry
from engine import json_values
from engine.domain import DEFAULT_WORKSPACE, RunStatus
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.read_models import PageQuery, RunView
from engine.store import audit_log, delivery_queries, request_queries, run_queries


@click.command()
@click.argument("workflow")
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the run.")
@click.option("--key", help="Your own id for this start: the same key again starts no second run.")
@json_option
def run(workflow: str, inputs: tuple[str, ...], key: str | None, as_json: bool) -> None:
    """Start a run of the registered WORKFLOW."""
    arguments: dict[str, Value] = {
        "workflow": workflow,
        "inputs": dict(client.parse_pairs(inputs, noun="an input")),
        # A server that dies before it replies may have started the run: the next attempt must not start another.
        "key": key or secrets.token_hex(16),
    }
    facts = client.facts_of(client.carry_out("start", arguments, wait_for_run=True))
    if as_json:
        click.echo(render_json(facts))
        return
    click.echo(f"{'Started run' if facts['created'] else 'This key has started run'} {facts['run']}.")
    if not client.is_server_running():
        click.echo("Nothing serves now: what waits for a time goes on when `signoff serve` runs.")
    click.echo(f"Follow it: signoff runs {facts['run']}")


@click.command()
@click.argument("run_id", required=False, metavar="[ID]")
@click.option("--open", "open_only", is_flag=True, help="Only runs that have not ended.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def runs(run_id: str | None, open_only: bool, limit: int, as_json: bool) -> None:
    """List the runs, or show the run ID with its story."""
    with client.open_for_reading() as connection:
        if run_id is not None:
            _show(connection, run_id, as_json=as_json)
            return
        views = run_queries.run_views(connection, DEFAULT_WORKSPACE, PageQuery(limit=limit, open_only=open_only))
    if as_json:
        click.echo(render_json([serialize.run(view) for view in views]))
        return
    rows = [
        (view.id, view.workflow, states.RUNS[view.status], view.requester.label, format_time(view.started_at))
        for view in views
    ]
    create_console().print(render_table(("run", "workflow", "status", "started by", "started"), rows))


def _show(connection: Any, run_id: str, *, as_json: bool) -> None:
    view = run_queries.run_view(connection, run_id)
    if view is None:
        client.refuse(f"There is no run {run_id}.")
    story = audit_log.story(connection, run_id)
    requests = request_queries.requests_of_run(connection, run_id)
    deliveries = delivery_queries.delivery_views(connection, run=run_id)
    if as_json:
        details: dict[str, Value] = {
            **serialize.run(view),
            "requests": [serialize.request(request) for request in requests],
            "deliveries": [serialize.delivery(delivery) for delivery in deliveries],
            "story": [serialize.story(entry) for entry in story],
        }
        click.echo(render_json(details))
        return
    out = create_console()
    out.print(f"Run {view.id} of {view.workflow} version {view.version}: {states.RUNS[view.status]}")
    if view.error:
        out.print(quote(characters.visible(view.error)), style="red")
    for entry in story:
        out.print(render_story_entry(entry, view))
    for hint in _hints(view, [request.id for request in requests if request.model.closed_at is None]):
        out.print(hint)


def _hints(view: RunView, pending: list[str]) -> list[str]:
    if view.status is RunStatus.NEEDS_ATTENTION:
        return [f"Find out whether it happened, then: signoff resume {view.id} done | repeat | stop"]
    return [f"Waits for a decision: signoff requests {request_id}" for request_id in pending]


@click.command()
@click.argument("run_id", metavar="ID")
@click.option("--reason", help="The reason, which is kept in the audit log.")
def cancel(run_id: str, reason: str | None) -> None:
    """Cancel the run ID and its request.

    No further step starts; a step in progress finishes.
    """
    client.facts_of(client.carry_out("cancel", {"run": run_id, "reason": reason}, wait_for_run=True))
    click.echo(f"Run {run_id} is being cancelled.")


@click.command()
@click.argument("run_id", metavar="ID")
@click.argument("answer", type=click.Choice(["done", "repeat", "stop"]))
@click.option("-o", "named", metavar="NAME=VALUE", multiple=True, help="With done: one output that later steps read.")
@click.option("--output", help="With done: the details output of the step for later steps, as a JSON object.")
def resume(run_id: str, answer: str, named: tuple[str, ...], output: str | None) -> int:
    """Say whether a step of unknown outcome in the run ID happened.

    done: it happened, and the run goes on without repeating it; if later steps read its output, you are told which
    values to give with -o. repeat: it did not happen, and is done now. stop: end the run.
    """
    arguments: dict[str, Value] = {
        "run": run_id,
        "answer": answer,
        "output": _parse_output(output, answer),
        "values": dict[str, Value](_parse_values(named, answer)),
    }
    client.facts_of(client.carry_out("resume", arguments, wait_for_run=True))
    click.echo(f"Run {run_id} goes on." if answer != "stop" else f"Run {run_id} is stopped.")
    return Exit.DONE


def _parse_values(arguments: tuple[str, ...], answer: str) -> dict[str, str]:
    if arguments and answer != "done":
        raise click.UsageError("-o goes with done: only a step that happened has produced something.")
    if any("=" not in argument for argument in arguments):
        raise click.UsageError("-o takes a name and a value, like -o body.number=R-1.")
    return {name.strip(): value for name, _, value in (argument.partition("=") for argument in arguments)}


def _parse_output(text: str | None, answer: str) -> Value:
    if text is None:
        return {}
    if answer != "done":
        raise click.UsageError("--output goes with done: only a step that happened has produced something.")
    try:
        value = json_values.loads(text)
    except InvalidValue as error:
        raise click.UsageError(f"--output: {error}.") from None
    if not isinstance(value, dict):
        raise click.UsageError('--output takes a JSON object, like {"status": 200}.')
    return value
