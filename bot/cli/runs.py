"""Commands about runs: run, runs, cancel, retry, resume."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from bot.cli import attachments, client, next_steps, serialize
from bot.cli.context import json_option
from bot.cli.exit_codes import Exit
from bot.local.reply import LISTS
from bot.presentation import advice, answers, autonomy, characters, questions, request_card, states
from bot.presentation.story import Names
from bot.terminal import next_commands
from bot.terminal.output import (
    create_console,
    in_local_zone,
    print_commands,
    render_json,
    render_table,
    short_time,
)
from bot.terminal.story_lines import render_story
from engine import json_values
from engine.domain import DEFAULT_WORKSPACE, ResumeAnswer, RunStatus
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.read_models import PageQuery, RequestView, RunView
from engine.store import audit_log, delivery_queries, request_queries, run_queries
from engine.system import SystemClock


@click.command(context_settings={"allow_extra_args": True})
@click.argument("workflow")
@click.option(
    "-i", "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the run. A file: NAME=@PATH"
)
@click.option("--key", help="Your own id for this start. The same key never starts a second run.")
@json_option
@click.pass_context
def run(context: click.Context, workflow: str, inputs: tuple[str, ...], key: str | None, as_json: bool) -> None:
    """Start a run of the registered WORKFLOW."""
    if context.args:
        raise click.UsageError(f"Write each input after -i: signoff run {workflow} -i {shlex.quote(context.args[0])}")
    arguments: dict[str, Value] = {
        "workflow": workflow,
        "inputs": dict[str, Value](attachments.with_inputs(workflow, client.parse_pairs(inputs, noun="an input"))),
        # A server that dies before it replies may have started the run: the next attempt must not start another.
        "key": key or secrets.token_hex(16),
    }
    facts = client.facts_of(client.carry_out("start", arguments, wait_for_run=True))
    if as_json:
        click.echo(render_json(facts))
        return
    click.echo(f"Started run {facts['run']}." if facts["created"] else f"This key started run {facts['run']} before.")
    next_steps.print_next(str(facts["run"]))


@click.command()
@click.argument("run_id", required=False, metavar="[ID]")
@click.option("--open", "open_only", is_flag=True, help="Only runs that have not ended.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many to list.")
@json_option
def runs(run_id: str | None, open_only: bool, limit: int, as_json: bool) -> None:
    """List the runs, or show the run ID with its story."""
    with client.open_for_reading() as connection:
        if run_id is not None:
            _show(connection, run_id, as_json=as_json)
            return
        views = run_queries.run_views(connection, DEFAULT_WORKSPACE, PageQuery(limit=limit, open_only=open_only))
        latest = request_queries.latest_requests(connection, [view.id for view in views])
    if as_json:
        click.echo(render_json([serialize.run(view) for view in views]))
        return
    _print_list(views, latest, PageQuery(limit=limit, open_only=open_only))


def _print_list(views: Sequence[RunView], latest: Mapping[str, RequestView], page: PageQuery) -> None:
    """Print the runs, and the command that goes on from there."""
    if not views:
        click.echo("No runs are open." if page.open_only else "No runs yet. Start one: signoff run WORKFLOW")
        return
    out = create_console()
    now = SystemClock().now()
    rows = [
        (view.id, _name(view, latest.get(view.id)), view.requester.label, _state(view, now, latest.get(view.id)))
        for view in views
    ]
    out.print(render_table(("id", "run", "started by", "state"), rows))
    if len(views) == page.limit:
        out.print(f"\nThese are the latest {page.limit}. To see more, add --limit {min(2 * page.limit, 1000)}")
    print_commands(out, "\nLook at one: signoff runs ID")


def _name(run: RunView, latest: RequestView | None) -> str:
    """Return what a run is about: its latest question, or its workflow with the values that it started with."""
    about = questions.of_run(run, latest)
    is_named = latest is not None and not questions.is_over_failure(latest)
    return about if is_named else " · ".join(filter(None, (run.workflow_title, about)))


def _state(run: RunView, now: datetime, latest: RequestView | None = None) -> str:
    """Return the state of a run in words, and when it started or ended."""
    tone, status = states.of_run(run.status, latest)
    words = f"{states.ICONS[tone]} {status.capitalize()}"
    at = short_time(run.ended_at or run.started_at, now)
    text = f"{words} {at}" if run.ended_at else f"{words}, started {at}"
    return f"{text}, {autonomy.NOT_REVIEWED}" if run.is_unreviewed else text


def _show(connection: Any, run_id: str, *, as_json: bool) -> None:
    view = run_queries.run_view(connection, run_id)
    if view is None:
        client.refuse(f"There is no run “{run_id}”. {LISTS['run']}")
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
    out.print(characters.line(view.workflow_title), style="bold")
    out.print(f"{_state(view, SystemClock().now())}. Version {view.version}, run {view.id}", style="dim")
    if view.parent is not None:
        out.print(f"A step of run {view.parent} started it", style="dim")
    names = Names.of_run(view, requests, deliveries)
    for line in render_story(story, names, [in_local_zone(entry.at) for entry in story]):
        out.print(line)
    pending = [request for request in requests if request.model.closed_at is None or request.is_held]
    for command in _next_lines(view, pending):
        print_commands(out, command)


def _next_lines(view: RunView, pending: Sequence[RequestView]) -> Iterator[str]:
    """Yield what can be done about a run that waits for people, or failed."""
    if advice.can_be_tried_again(view):
        yield f"\nTry it again from the step that failed: signoff retry {view.id}"
    yield from (f"\n{line}" for line in next_steps.open_runs(view))
    if view.status is RunStatus.NEEDS_ATTENTION:
        yield ""
        yield from next_steps.attention_lines(view)
    for request in pending:
        yield f"\n{questions.of_request(request)}"
        yield next_commands.decide(request_card.request_card(request))


@click.command()
@click.argument("run_id", metavar="ID")
@click.option("--reason", help="Your reason. It is kept in the audit log.")
def cancel(run_id: str, reason: str | None) -> None:
    """Cancel the run ID and its request.

    No further step starts. A step that is running finishes.
    """
    client.facts_of(client.carry_out("cancel", {"run": run_id, "reason": reason}, wait_for_run=True))
    click.echo(f"You cancelled run {run_id}. A step that is running still finishes.")


@click.command()
@click.argument("run_id", metavar="ID")
def retry(run_id: str) -> int:
    """Try the failed run ID again, from the step that failed.

    The steps before it keep their results, and the inputs stay. If the step has a gate, people are asked again.
    """
    client.facts_of(client.carry_out("retry", {"run": run_id}, wait_for_run=True))
    click.echo(f"You tried run {run_id} again.")
    next_steps.print_next(run_id)
    return Exit.DONE


@click.command()
@click.argument("run_id", metavar="ID")
@click.argument("answer", type=click.Choice(["done", "repeat", "stop"]))
@click.option("-o", "named", metavar="NAME=VALUE", multiple=True, help="With done: a value that later steps read.")
@click.option("--output", help="With done: the whole output of the step, as a JSON object.")
def resume(run_id: str, answer: str, named: tuple[str, ...], output: str | None) -> int:
    """Say whether a step of the run ID happened.

    A run needs this answer when Signoff could not find out by itself.

    done: It happened. The run continues with the next step. If later steps read its output, you are told which values
    to give with -o.

    repeat: It did not happen. The step is called again.

    stop: The run ends here.
    """
    arguments: dict[str, Value] = {
        "run": run_id,
        "answer": answer,
        "output": _parse_output(output, answer),
        "values": dict[str, Value](_parse_values(named, answer)),
    }
    client.facts_of(client.carry_out("resume", arguments, wait_for_run=True))
    click.echo(f"You answered “{answers.LABELS[ResumeAnswer(answer)]}”.")
    next_steps.print_next(run_id)
    return Exit.DONE


def _parse_values(arguments: tuple[str, ...], answer: str) -> dict[str, str]:
    if arguments and answer != "done":
        raise click.UsageError("-o is only for done: a step that did not happen has no output.")
    if any("=" not in argument for argument in arguments):
        raise click.UsageError("-o needs a name and a value, like -o body.number=R-1.")
    return {name.strip(): value for name, _, value in (argument.partition("=") for argument in arguments)}


def _parse_output(text: str | None, answer: str) -> Value:
    if text is None:
        return {}
    if answer != "done":
        raise click.UsageError("--output is only for done: a step that did not happen has no output.")
    try:
        value = json_values.loads(text)
    except InvalidValue as error:
        raise click.UsageError(f"--output: {error}.") from None
    if not isinstance(value, dict):
        raise click.UsageError('--output needs a JSON object, like {"status": 200}.')
    return value
