"""The command `signoff insights`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from bot.cli import client
from bot.cli.context import json_option, load_context
from bot.cli.days import DAY
from bot.cli.workflow_names import check_workflow
from bot.presentation import gate_changes, insight_facts, insight_report, insight_sentences
from bot.presentation.gate_changes import OfferedChange
from bot.step_types import load_step_types
from bot.terminal.output import create_console, local_time, print_sentence, render_json, render_table
from engine import workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.insights import MOST_WEEKS, WEEKS, InsightQuery, Insights
from engine.json_values import Value
from engine.service import current_gates
from engine.store import insight_queries
from engine.system import SystemClock


@click.command()
@click.argument("workflow", required=False, metavar="[WORKFLOW]")
@click.option("--since", type=DAY, metavar="DATE", help="The first day, like 2026-11-01. Default: 13 weeks ago.")
@click.option("--rebuild", is_flag=True, help="Count everything anew, from the audit log.")
@click.option(
    "--open", "number", type=click.IntRange(min=1), metavar="N", help="Ask people for the change of recommendation N."
)
@json_option
def insights(workflow: str | None, since: datetime | None, rebuild: bool, number: int | None, as_json: bool) -> None:
    """Show what became of requests: of WORKFLOW, or of all workflows.

    How they were decided and how long that took, by hour, deadline and reminder; what approvers changed; gates to look
    at; copies that did not arrive. Weeks are counted from Sunday.
    """
    if rebuild:
        facts = client.facts_of(client.carry_out("count_insights", {"anew": True}))
        click.echo(render_json(facts) if as_json else facts["says"])
        return
    found = _read(workflow, since)
    if found.uncounted and not client.is_server_running():
        client.facts_of(client.carry_out("count_insights", {}))
        found = _read(workflow, since)
    if number is not None:
        _open(gate_changes.offers(found), number, _weeks(since, SystemClock().now()), as_json=as_json)
        return
    if as_json:
        click.echo(render_json(insight_facts.facts(found)))
        return
    out = create_console()
    out.print(insight_report.period(found, local_time))
    for offer in gate_changes.offers(found):
        out.print(f"{offer.number}. {offer.sentence}")
    for sentence in insight_sentences.observations(found):
        out.print(f"- {sentence}")
    for table in insight_report.tables(found):
        out.print()
        out.print(table.title, style="bold")
        out.print(render_table(table.columns, table.rows) if table.rows else table.empty)
        if table.rows and table.note:
            out.print(table.note)


def _open(offers: Sequence[OfferedChange], number: int, weeks: int, *, as_json: bool) -> None:
    """Ask people for the change of a recommendation."""
    if number > len(offers):
        known = f"It has 1 to {len(offers)}." if offers else "It has none now."
        raise click.UsageError(f"There is no recommendation {number} in this list. {known}")
    offer = offers[number - 1]
    arguments: dict[str, Value] = {
        "workflow": offer.workflow,
        "step": offer.step,
        "kind": offer.kind,
        "weeks": str(weeks),
    }
    facts = client.facts_of(client.carry_out("open_gate_change", arguments))
    if as_json:
        click.echo(render_json(facts))
        return
    print_sentence(gate_changes.WAITS if facts["was_open"] else gate_changes.OPENED)
    click.echo(f"signoff runs {facts['run']}")


def _read(workflow: str | None, since: datetime | None) -> Insights:
    now = SystemClock().now()
    query = InsightQuery(workflow=workflow, weeks=_weeks(since, now), zone=None)
    with client.open_for_reading() as connection:
        check_workflow(connection, workflow)
        counted = insight_queries.insights(connection, DEFAULT_WORKSPACE, query, now)
        chosen = [known.id for known in counted.workflows if workflow in (None, known.name)]
        sources = insight_queries.load_sources(connection, DEFAULT_WORKSPACE, chosen)
    kinds = load_step_types(load_context().settings)
    return current_gates.complete(
        lambda source: workflowfile.load(source, kinds=kinds, registered=True), counted, sources
    )


def _weeks(since: datetime | None, now: datetime) -> int:
    if since is None:
        return WEEKS
    weeks = (now - since.replace(tzinfo=UTC)) // timedelta(weeks=1) + 1
    if weeks > MOST_WEEKS:
        raise click.UsageError("Insights go back one year. Give --since a later date.")
    if weeks < 1:
        raise click.UsageError("--since is in the future. Give it an earlier date.")
    return weeks
