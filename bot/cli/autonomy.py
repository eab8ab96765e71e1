"""Commands about what goes through gates without review: autonomy list, autonomy show, autonomy tighten, incident."""

from __future__ import annotations

from collections.abc import Iterator

import click

from bot.cli import client, serialize
from bot.cli.context import json_option, load_context
from bot.cli.workflow_names import check_workflow
from bot.local.reply import LISTS
from bot.presentation import autonomy as texts
from bot.step_types import load_step_types
from bot.terminal.output import create_console, format_time, print_sentence, render_json, render_table
from engine import workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.oversight import plan_sentences
from engine.oversight.sampling_plan import PlanStage, SamplingPlan
from engine.plan_views import PlanView
from engine.store import sampling_queries, seeded_requests


@click.group()
def autonomy() -> None:
    """See which gates let a share through without review, and bring back the review of everything."""


@autonomy.command("list")
@click.argument("workflow", required=False)
@click.option("--all", "all_versions", is_flag=True, help="Also plans of earlier versions.")
@json_option
def list_(workflow: str | None, all_versions: bool, as_json: bool) -> None:
    """List the sampling plans, of all workflows or of one WORKFLOW."""
    with client.open_for_reading() as connection:
        check_workflow(connection, workflow)
        views = sampling_queries.plan_views(connection, DEFAULT_WORKSPACE, workflow=workflow, all_versions=all_versions)
    if as_json:
        click.echo(render_json([serialize.plan(view) for view in views]))
        return
    if not views:
        click.echo("No gate with `autonomy` has been reached yet, so everything is reviewed.")
        return
    columns = ("id", "workflow", "step", "for", "stage", "in a row", "reviewed", "corrected", "not reviewed", "until")
    create_console().print(render_table(columns, [*map(_row, views)]))


def _row(view: PlanView) -> tuple[str, ...]:
    state = view.state
    counts = (state.clean, state.reviewed, state.bad, view.unreviewed)
    about = ", ".join(filter(None, (f"version {view.version}", view.class_name, view.model)))
    return (
        *(view.id, view.workflow, view.step_label, about, texts.stage(state)),
        *(f"{count:,}" for count in counts),
        format_time(state.lapses_at),
    )


@autonomy.command()
@click.argument("plan_id", metavar="ID")
@json_option
def show(plan_id: str, as_json: bool) -> None:
    """Show the sampling plan ID: its evidence, and at worst how much goes through unreviewed and bad."""
    with client.open_for_reading() as connection:
        view = sampling_queries.plan_view(connection, DEFAULT_WORKSPACE, plan_id)
        workflow = view.workflow if view is not None else ""
        detection = seeded_requests.shared_detection(connection, DEFAULT_WORKSPACE, workflow, without="")
    if view is None:
        client.refuse(f"There is no sampling plan “{plan_id}”. {LISTS['sampling plan']}")
    plan = _written(view)
    if as_json:
        click.echo(render_json(serialize.plan(view) | {"at_worst": plan_sentences.worst_case_of(plan, detection)}))
        return
    for sentence in _sentences(view, plan, detection):
        print_sentence(sentence)


def _written(view: PlanView) -> SamplingPlan:
    """Return what the file of the version says."""
    kinds = load_step_types(load_context().settings)
    gate = workflowfile.load(view.source, kinds=kinds, registered=True).step(view.step).gate
    assert gate is not None
    assert gate.autonomy is not None
    return gate.autonomy.plan


def _sentences(view: PlanView, plan: SamplingPlan, detection: tuple[int, int] | None) -> Iterator[str]:
    state = view.state
    yield f"“{view.step_label}” in {view.workflow}, version {view.version}: {texts.stage(state)}."
    if view.class_name:
        yield f"Counted by itself: “{view.class_name}”."
    if view.model:
        yield f"Drafts by {view.model}."
    if state.stage is PlanStage.SAMPLE and view.agreed_by is not None:
        yield f"{view.agreed_by.label} agreed, {format_time(state.agreed_at)}. Until {format_time(state.lapses_at)}."
    if state.proposal is not None:
        yield f"It is asked whether a share may go through: signoff runs {state.proposal}"
    yield plan_sentences.rule(plan)
    for label, text in plan_sentences.evidence(plan, state, detection):
        yield f"{label}: {text}"
    yield f"Went through without review: {view.unreviewed:,}."


@autonomy.command()
@click.argument("plan_id", metavar="ID")
@click.option("--reason", required=True, help="The reason, which is kept in the audit log.")
@json_option
def tighten(plan_id: str, reason: str, as_json: bool) -> None:
    """Bring back the review of everything that the sampling plan ID counts."""
    reply = client.facts_of(client.carry_out("tighten", {"plan": plan_id, "reason": reason}))
    if as_json:
        click.echo(render_json(reply))
        return
    before = "" if reply["was_sample"] else " It was before, too; the counting begins anew."
    print_sentence(f"Everything is reviewed now.{before}")


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--reason", required=True, help="What is wrong. It is kept in the audit log.")
@json_option
def incident(run_id: str, reason: str, as_json: bool) -> None:
    """Say that something is wrong with what the run RUN did, so that everything like it is reviewed again."""
    reply = client.facts_of(client.carry_out("incident", {"run": run_id, "reason": reason}))
    if as_json:
        click.echo(render_json(reply))
        return
    print_sentence(texts.after_incident(plans=int(str(reply["plans"])), tightened=int(str(reply["tightened"]))))
