"""The command `signoff insights`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from bot.cli import client
from bot.cli.context import json_option, load_context
from bot.cli.days import DAY
from bot.cli.workflow_names import check_workflow
from bot.presentation import insight_facts, insight_report
from bot.step_types import load_step_types
from bot.terminal.output import create_console, local_time, render_json, render_table
from engine import workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.insights import MOST_WEEKS, WEEKS, InsightQuery, Insights
from engine.service import current_gates
from engine.store import insight_queries
from engine.system import SystemClock


@click.command()
@click.argument("workflow", required=False, metavar="[WORKFLOW]")
@click.option("--since", type=DAY, metavar="DATE", help="The first day, like 2026-11-01. Default: 13 weeks ago.")
@click.option("--rebuild", is_flag=True, help="Count everything anew, from the audit log.")
@json_option
def insights(workflow: str | None, since: datetime | None, rebuild: bool, as_json: bool) -> None:
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
    if as_json:
        click.echo(render_json(insight_facts.facts(found)))
        return
    out = create_console()
    out.print(insight_report.period(found, local_time))
    for sentence in insight_report.highlights(found):
        out.print(f"- {sentence}")
    for table in insight_report.tables(found):
        out.print()
        out.print(table.title, style="bold")
        out.print(render_table(table.columns, table.rows) if table.rows else table.empty)
        if table.rows and table.note:
            out.print(table.note)


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
