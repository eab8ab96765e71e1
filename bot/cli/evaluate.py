"""The command `signoff evaluate`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import click

from bot.cli import client
from bot.cli.context import json_option, load_context
from bot.cli.days import DAY
from bot.cli.workflow_names import check_workflow
from bot.presentation import evaluation_report
from bot.step_types import load_step_types
from bot.terminal.output import create_console, render_json, render_table
from engine import evaluation, workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.evaluation import PromptReport
from engine.read_models import DecisionFilter, RequestView
from engine.store import judged_drafts, workflows
from engine.store.connection import Connection
from engine.workflowfile import Workflow

_FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("workflow")
@click.option("--since", type=DAY, metavar="DATE", help="The first day, in UTC, like 2026-11-01. Default: all.")
@json_option
def evaluate(workflow: str, since: datetime | None, as_json: bool) -> None:
    """Say what people made of the drafts of WORKFLOW, by prompt and model.

    How many drafts were approved as they were, how much of each field was changed, and what the drafts cost. A prompt
    is a new one when the file asks in other words, for other fields or another model.
    """
    with client.open_for_reading() as connection:
        check_workflow(connection, workflow)
        found = _reports(connection, workflow, since)
    if as_json:
        click.echo(render_json([evaluation_report.facts(report) for report in found]))
        return
    if not found:
        click.echo(f"No draft of a language model was decided in {workflow} yet.")
    for report in found:
        for sentence in evaluation_report.sentences(report):
            click.echo(sentence)
        if report.fields:
            create_console().print(render_table(evaluation_report.COLUMNS, [*evaluation_report.rows(report)]))


def _reports(connection: Connection, name: str, since: datetime | None) -> list[PromptReport]:
    kinds = load_step_types(load_context().settings)
    (workflow_id,) = workflows.load_named(connection, DEFAULT_WORKSPACE, name)

    @cache
    def load(version: int) -> Workflow:
        return workflowfile.load(workflows.load_source(connection, workflow_id, version), kinds=kinds, registered=True)

    def load_of(view: RequestView) -> Workflow:
        return load(view.workflow_version)

    wanted = DecisionFilter(since=since.replace(tzinfo=UTC) if since else _FIRST_DAY, workflow=name)
    return evaluation.reports(judged_drafts.judged_drafts(connection, DEFAULT_WORKSPACE, wanted, load_of))
