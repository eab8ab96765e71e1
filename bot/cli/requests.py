"""Commands about requests: requests, decide."""

from __future__ import annotations

import sys
from typing import Any

import click

from bot.cli import client, serialize
from bot.cli.context import json_option
from bot.local.reply import NEEDS_CONFIRMATION, CommandReply
from bot.presentation import request_card, states
from bot.presentation.characters import visible
from bot.terminal.channel import answer_hint
from bot.terminal.output import create_console, format_time, print_sentence, render_json, render_table
from bot.terminal.view import render_card
from engine.domain import DEFAULT_WORKSPACE, RequestState, RunStatus
from engine.json_values import Value
from engine.read_models import DeliveryView, PageQuery
from engine.store import delivery_queries, request_queries, run_queries


@click.command()
@click.argument("request_id", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="List closed requests too.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def requests(request_id: str | None, everything: bool, limit: int, as_json: bool) -> None:
    """List the requests that wait for a decision, or show the request ID.

    Below the list are the runs with a step of unknown outcome.
    """
    with client.open_for_reading() as connection:
        if request_id is not None:
            _show(connection, request_id, as_json=as_json)
            return
        views = request_queries.request_views(
            connection, DEFAULT_WORKSPACE, PageQuery(limit=limit, open_only=not everything)
        )
        open_runs = run_queries.run_views(connection, DEFAULT_WORKSPACE, PageQuery(limit=1000, open_only=True))
    if as_json:
        click.echo(render_json([serialize.request(view) for view in views]))
        return
    rows = [
        (
            view.id,
            view.title,
            view.workflow,
            states.REQUESTS[view.model.state],
            ", ".join(approver.person.label for approver in view.model.eligible),
            format_time(view.model.deadlines.opened_at),
        )
        for view in views
    ]
    create_console().print(render_table(("request", "asks", "workflow", "state", "waits for", "opened"), rows))
    for run in open_runs:
        if run.status is RunStatus.NEEDS_ATTENTION:
            print_sentence(f"Run {run.id} of {run.workflow} asks whether a step happened: {run.error or ''}")
            print_sentence(f"  signoff resume {run.id} done | repeat | stop")


def _show(connection: Any, request_id: str, *, as_json: bool) -> None:
    view = request_queries.request_view(connection, request_id)
    if view is None:
        client.refuse(f"There is no request {request_id}.")
    deliveries = delivery_queries.delivery_views(connection, request=request_id)
    if as_json:
        details: dict[str, Value] = {
            **serialize.request(view),
            "deliveries": [serialize.delivery(delivery) for delivery in deliveries],
        }
        click.echo(render_json(details))
        return
    out = create_console()
    card = request_card.request_card(view)
    out.print(render_card(card))
    out.print(
        render_table(
            ("copy for", "channel", "state", "shown", "error"), [_delivery_row(delivery) for delivery in deliveries]
        )
    )
    if view.model.state is RequestState.PENDING:
        out.print(answer_hint(card))


def _delivery_row(view: DeliveryView) -> tuple[str, ...]:
    return (
        view.person.label,
        view.channel,
        states.DELIVERIES[view.state],
        format_time(view.shown_at),
        view.last_error or "",
    )


@click.command()
@click.argument("request_id", metavar="ID")
@click.argument("verdict", type=click.Choice(["approve", "reject", "edit"]))
@click.argument("edits", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--reason", help="The reason, which the requester will read.")
@click.option("--digest", help="Decide only if the request still has this digest (see requests ID --json).")
@click.option("--yes", "confirmed", is_flag=True, help="Confirm the question that the gate asks before an approval.")
@json_option
def decide(
    request_id: str,
    verdict: str,
    edits: tuple[str, ...],
    reason: str | None,
    digest: str | None,
    confirmed: bool,
    as_json: bool,
) -> None:
    """Decide the request ID: approve, edit or reject.

    This machine's operator decides: set SIGNOFF_OPERATOR to that person's email address.
    """
    if (verdict == "edit") != bool(edits):
        requirement = "Name what changes" if verdict == "edit" else "Edits go with edit"
        raise click.UsageError(f"{requirement}: signoff decide ID edit field=value")
    arguments: dict[str, Value] = {
        "request": request_id,
        "verdict": "reject" if verdict == "reject" else "approve",
        "edits": dict(client.parse_pairs(edits, noun="an edit")),
        "reason": reason,
        "digest": digest,
        "confirmed": confirmed,
    }
    facts = client.facts_of(_decide(arguments))
    if as_json:
        click.echo(render_json(facts))
        return
    edited = " with edits" if facts["edited"] else ""
    click.echo(f"Request {request_id} is {facts['state']}{edited}. The run: signoff runs {facts['run']}")


@click.command()
@click.argument("request_id", metavar="ID")
@json_option
def revoke(request_id: str, as_json: bool) -> None:
    """Revoke the links emailed for the request or run ID.

    The approvers can still answer in Slack, or sign in at the inbox.
    """
    facts = client.facts_of(client.carry_out("revoke", {"request": request_id}))
    if as_json:
        click.echo(render_json(facts))
        return
    count = facts["links"]
    click.echo(f"{count} {'link' if count == 1 else 'links'} to {request_id} can no longer be used.")


def _decide(arguments: dict[str, Value]) -> CommandReply:
    """Decide. If the gate asks for a confirmation, put its question to the person at the terminal."""
    reply = client.carry_out("decide", arguments, wait_for_run=True)
    if reply.facts.get("refusal") != NEEDS_CONFIRMATION or reply.refused is None:
        return reply
    if not sys.stdin.isatty():
        client.refuse(f"The gate asks: {reply.refused} Answer it with --yes.")
    if not click.confirm(visible(reply.refused)):
        client.refuse("Not approved; nothing was decided.")
    return client.carry_out("decide", {**arguments, "confirmed": True}, wait_for_run=True)
