"""Commands about requests: requests, decide, undo, reassign, revoke."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import click

from bot.cli import attachments, client, next_steps, serialize
from bot.cli.context import json_option
from bot.local.reply import LISTS, NEEDS_CONFIRMATION, CommandReply
from bot.presentation import (
    dates,
    expiry,
    question_notes,
    questions,
    ratings,
    request_card,
    request_outcome,
    states,
    summary,
    verdict_words,
)
from bot.presentation.characters import visible
from bot.presentation.undo import ASKED_AGAIN
from bot.terminal import item_lines, next_commands
from bot.terminal.output import (
    create_console,
    format_time,
    local_time,
    print_commands,
    print_sentence,
    render_json,
    render_table,
    short_time,
)
from bot.terminal.view import render_card
from engine.domain import DEFAULT_WORKSPACE, HELD, SHARED, DeliveryKind, DeliveryState, ReasonMissing, RequestState
from engine.json_values import Value
from engine.read_models import DeliveryView, PageQuery, RequestView, RunView
from engine.references import parse
from engine.requests import Question
from engine.requests.questions import is_shared_answer
from engine.requests.ratings import HIGHEST
from engine.store import attention, delivery_queries, item_queries, people, request_queries, run_queries
from engine.system import SystemClock


@click.command()
@click.argument("request_id", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="List closed requests too.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many to list.")
@click.option("--details", is_flag=True, help="With ID: show the technical details, and every text whole.")
@click.option("--items", is_flag=True, help="With ID, if it is about all items of a foreach: show each of them.")
@json_option
def requests(request_id: str | None, everything: bool, limit: int, details: bool, items: bool, as_json: bool) -> None:
    """List the open requests, or show the request ID.

    The first one to expire is at the top. Below the list are the questions that you were asked before a decision, and
    the runs that need an answer about a step.
    """
    for option, is_given in (("--details", details), ("--items", items)):
        if is_given and request_id is None:
            raise click.UsageError(f"{option} needs the id of a request: signoff requests ID {option}")
    with client.open_for_reading() as connection:
        if request_id is not None:
            _show(connection, request_id, details=details, items=items, as_json=as_json)
            return
        page = PageQuery(limit=limit, open_only=not everything)
        views = request_queries.request_views(connection, DEFAULT_WORKSPACE, page)
        if as_json:
            click.echo(render_json([serialize.request(view) for view in views]))
            return
        asked, attention = _open_questions(connection), _attention_runs(connection)
    _print_list(views if everything else summary.by_deadline(views), page)
    blocks = [next_steps.question_lines(*question) for question in asked]
    for block in [*blocks, *map(next_steps.attention_lines, attention)]:
        click.echo()
        for line in block:
            print_sentence(line)


def _open_questions(connection: Any) -> list[tuple[RequestView, Question]]:
    """Return the questions before a decision that wait for the operator of this machine."""
    person = people.find_person(connection, DEFAULT_WORKSPACE, next_steps.operator_address())
    if person is None:
        return []
    return [*question_notes.open_to(request_queries.requests_asking(connection, person.id, limit=1000), person.id)]


def _attention_runs(connection: Any) -> list[RunView]:
    """Return the runs that need an answer about a step of unknown outcome, with their steps."""
    runs = run_queries.runs_waiting_for_answer(connection, DEFAULT_WORKSPACE, limit=1000)
    return [view for run in runs if (view := run_queries.run_view(connection, run.id)) is not None]


def _print_list(views: list[RequestView], page: PageQuery) -> None:
    """Print the requests, and the command that goes on from there."""
    if not views:
        more = " See the closed ones: signoff requests --all" if page.open_only else ""
        click.echo(f"No requests {'are open' if page.open_only else 'yet'}.{more}")
        return
    out = create_console()
    now = SystemClock().now()
    rows = [(view.id, questions.of_request(view), view.requester.label, _state(view, now)) for view in views]
    out.print(render_table(("id", "request", "from", "state"), rows))
    if len(views) == page.limit:
        out.print(f"\nThese are the latest {page.limit}. To see more, add --limit {min(2 * page.limit, 1000)}")
    print_commands(out, "\nLook at one: signoff requests ID")


def _state(view: RequestView, now: datetime) -> str:
    """Return the state of a request in words, with its deadline while it waits and its end afterwards."""
    model = view.model
    icon = states.ICONS[request_outcome.tone(view)]
    if model.state is RequestState.PENDING:
        phrase = expiry.of_deadlines(model.deadlines)
        deadline = dates.written(phrase, lambda at: short_time(at, now))
        return f"{icon} Waiting. {deadline}" if deadline else f"{icon} Waiting"
    words = request_outcome.state(view).capitalize()
    return f"{icon} {words} {short_time(model.closed_at, now) if model.closed_at else ''}"


def _show(connection: Any, request_id: str, *, details: bool, items: bool, as_json: bool) -> None:
    view = request_queries.request_view(connection, request_id)
    if view is None:
        client.refuse(f"There is no request “{request_id}”. {LISTS['request']}")
    deliveries = delivery_queries.delivery_views(connection, request=request_id)
    if as_json:
        whole: dict[str, Value] = {
            **serialize.request(view),
            "deliveries": [serialize.delivery(delivery) for delivery in deliveries],
        }
        click.echo(render_json(whole))
        return
    out = create_console()
    reader = next_steps.operator(view)
    card = request_card.request_card(view, reader)
    out.print(render_card(card, local_time, details=details))
    for part in item_lines.render_items(item_queries.iter_reviewed(connection, view.model.subject) if items else ()):
        out.print(part)
    if details:
        rows = [_delivery_row(delivery) for delivery in deliveries]
        out.print(render_table(("copy for", "channel", "state", "when", "error"), rows))
    print_commands(out, next_commands.decide(card, details=not details))
    if reader is not None and client.is_server_running() and attention.is_unseen(connection, request_id, reader.id):
        client.carry_out("view", {"request": request_id})


def _delivery_row(view: DeliveryView) -> tuple[str, ...]:
    return (
        view.address if view.topic == SHARED or is_shared_answer(view.topic) else view.person.label,
        f"callback {view.topic}" if view.kind is DeliveryKind.CALLBACK else view.channel,
        "held" if view.topic == HELD and view.state is DeliveryState.DUE else states.DELIVERIES[view.state],
        format_time(view.shown_at),
        view.last_error or "",
    )


@click.command()
@click.argument("request_id", metavar="ID")
@click.argument("verdict", type=click.Choice(verdict_words.WORDS))
@click.argument("edits", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--reason", help="Your reason. The requester will read it.")
@click.option("--rating", type=click.IntRange(1, HIGHEST), help="Rate it, from 1 to 5, if the workflow asks for that.")
@click.option("--comment", help="With --rating: what was good, or what was not.")
@click.option("--digest", help="Decide only if the content still has this fingerprint (see requests ID --details).")
@click.option("--yes", "confirmed", is_flag=True, help="Say yes to the question that comes before an approval.")
@json_option
def decide(
    request_id: str,
    verdict: str,
    edits: tuple[str, ...],
    reason: str | None,
    rating: int | None,
    comment: str | None,
    digest: str | None,
    confirmed: bool,
    as_json: bool,
) -> None:
    """Approve, edit or reject the request ID, or ask for changes. Of a step that failed: retry, skip or stop.

    You decide as the person in SIGNOFF_OPERATOR, which is your email address. `edit` changes fields and approves.
    `revise` sends it back: --reason says what should change. `retry` may change fields as well.
    """
    if verdict not in ("revise", "retry") and (verdict == "edit") != bool(edits):
        requirement = "Name what to change" if verdict == "edit" else "To change a value, use edit"
        raise click.UsageError(f"{requirement}: signoff decide ID edit FIELD=VALUE")
    if comment is not None and rating is None:
        raise click.UsageError("A comment goes with a rating. Give it from 1 to 5: --rating 4")
    arguments: dict[str, Value] = {
        "request": request_id,
        "verdict": verdict,
        "edits": dict[str, Value](attachments.with_edits(request_id, client.parse_pairs(edits, noun="an edit"))),
        "reason": reason,
        "rating": rating,
        "comment": comment,
        "digest": digest,
        "confirmed": confirmed,
    }
    reply = _decide(arguments)
    if reply.refused is not None and reply.facts.get("refusal") == ReasonMissing.__name__:
        again = shlex.join(["signoff", "decide", request_id, verdict, *edits, *_rating_options(rating, comment)])
        client.refuse(f'{reply.refused}\nGive it with the command: {again} --reason "…"')
    facts = client.facts_of(reply)
    if as_json:
        click.echo(render_json(facts))
        return
    print_sentence(_decided(facts, edits, rating, about_failure=verdict in verdict_words.AFTER_FAILURE))
    next_steps.print_next(str(facts["run"]))


def _decided(facts: Mapping[str, Value], edits: Collection[str], rating: int | None, *, about_failure: bool) -> str:
    """Return what became of a decision, and of the rating that came with it."""
    rated = f" {ratings.saved(rating)}" if rating is not None else ""
    if facts["state"] == RequestState.PENDING:
        return f"{facts.get('saved', 'Your decision was saved. Others have to approve as well.')}{rated}"
    edited = " with edits" if facts["edited"] else " without edits: these are its present values" if edits else ""
    closed = states.closed(RequestState(str(facts["state"])), "this", about_failure=about_failure)
    test = f" {facts['test']}." if "test" in facts else ""
    return f"You {closed}{edited}.{test}{rated}"


@click.command()
@click.argument("request_id", metavar="ID")
@click.option("--to", metavar="PERSON", required=True, help="Who decides instead: an email address or a Slack user id.")
@click.option("--reason", required=True, help="Why. It is kept in the record.")
@click.option(
    "--for",
    "place",
    metavar="PERSON",
    help="In whose place, if you own the workflow.",
)
@json_option
def reassign(request_id: str, to: str, reason: str, place: str | None, as_json: bool) -> None:
    """Let another person decide the request ID in your place.

    As the owner of the workflow, you can pass on the place of any approver.
    """
    for text in filter(None, (to, place)):
        reference = parse(text)
        if reference is None or not reference.is_address:
            raise click.UsageError(f"{text} is not an email address or a Slack user id.")
    arguments: dict[str, Value] = {"request": request_id, "to": to, "reason": reason, "place": place}
    facts = client.facts_of(client.carry_out("reassign", arguments))
    if as_json:
        click.echo(render_json(facts))
        return
    instead = f" in the place of {facts['place']}" if facts["place"] else ""
    click.echo(f"{facts['to']} decides {request_id}{instead}.")


@click.command()
@click.argument("request_id", metavar="ID")
@json_option
def undo(request_id: str, as_json: bool) -> None:
    """Undo the approval of the request ID, before anything follows from it.

    The same is asked again. You can do it until the hold of the gate ends, if you approved it or own the workflow.
    """
    facts = client.facts_of(client.carry_out("undo", {"request": request_id}, wait_for_run=True))
    if as_json:
        click.echo(render_json(facts))
        return
    print_sentence(f"You undid the approval. {ASKED_AGAIN}")
    next_steps.print_next(str(facts["run"]))


@click.command()
@click.argument("request_id", metavar="ID")
@json_option
def revoke(request_id: str, as_json: bool) -> None:
    """Revoke the links emailed for the request or run ID.

    The approvers can still decide in Slack, or sign in on the web page.
    """
    facts = client.facts_of(client.carry_out("revoke", {"request": request_id}))
    if as_json:
        click.echo(render_json(facts))
        return
    count = facts["links"]
    if not count:
        click.echo(f"No links were emailed for {request_id}, so there was nothing to revoke.")
        return
    click.echo(f"{count} {'link' if count == 1 else 'links'} to {request_id} can no longer be used.")


def _rating_options(rating: int | None, comment: str | None) -> list[str]:
    given = {"--rating": rating, "--comment": comment}
    return [part for name, value in given.items() if value is not None for part in (name, str(value))]


def _decide(arguments: dict[str, Value]) -> CommandReply:
    """Decide. If the gate asks for a confirmation, put its question to the person at the terminal."""
    reply = client.carry_out("decide", arguments, wait_for_run=True)
    if reply.facts.get("refusal") != NEEDS_CONFIRMATION or reply.refused is None:
        return reply
    if not sys.stdin.isatty():
        client.refuse(f"Please confirm: {reply.refused} To say yes, add --yes.")
    try:
        confirmed = click.confirm(visible(reply.refused))
    except click.Abort:
        click.echo("\nNothing was decided.", err=True)
        raise
    if not confirmed:
        client.refuse("Not approved. Nothing was decided.")
    return client.carry_out("decide", {**arguments, "confirmed": True}, wait_for_run=True)
