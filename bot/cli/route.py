"""The command `signoff route`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from bot.cli import client, trial_asks
from bot.cli.context import json_option, load_context, read_workflow_argument
from bot.cli.exit_codes import Exit
from bot.cli.route_people import RoutePeople
from bot.presentation import refusals, route_report
from bot.roles.source import roles_file
from bot.step_types import load_step_types
from bot.terminal.output import print_sentence, render_json
from engine import fields, timestamps, workflowfile
from engine.domain import Address
from engine.errors import DefinitionError
from engine.references import OWNER, REQUESTER
from engine.requests import RouteTrials, try_routes
from engine.runs import asked_content
from engine.system import SystemClock
from engine.workflowfile import Step, Workflow

_READ: Final = ("title", "tool", "server", "arguments", "risk", "summary", "impact", "confidence", "fields")
"""The parts of an ask that conditions can read."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the run.")
@click.option("--ask", metavar="JSON|FILE", help="What a program would ask, for a workflow that decides about asks.")
@click.option("--as", "person", metavar="EMAIL", help="The person who starts the run.")
@click.option("--explain", is_flag=True, help="Say of every rule why it applies or not, and who would be asked now.")
@json_option
def route(
    file: Path, inputs: tuple[str, ...], ask: str | None, person: str | None, explain: bool, as_json: bool
) -> int:
    """Say which people the routes of the workflow in FILE would ask. Nothing runs, and no one is asked."""
    settings = load_context().settings
    try:
        workflow = workflowfile.load(read_workflow_argument(file), kinds=load_step_types(settings))
    except DefinitionError as error:
        for problem in error.problems:
            print_sentence(problem.sentence(str(file)), err=True)
        return Exit.NO
    roles = roles_file(settings).current
    entry = roles.entry([Address("email", person.lower())]) if person else None
    department = entry.department if entry is not None else None
    scope = _scope(workflow, client.parse_pairs(inputs, noun="an input"), ask, person or "")
    routed = [*_routes(workflow, scope)]
    if not routed and not as_json:
        click.echo("No gate of this workflow names a route.")
    with ExitStack() as stack:
        stand_ins = {OWNER: workflow.owner or "", REQUESTER: person or ""}
        known = RoutePeople(settings, roles, SystemClock().now(), stand_ins, stack) if explain else None
        look_up = known.of if known is not None else lambda _: None
        if as_json:
            click.echo(render_json([route_report.facts(step.id, each, department, look_up) for step, each in routed]))
        for step, trials in () if as_json else routed:
            for sentence in route_report.sentences(step.label, trials, department, look_up, every=explain):
                click.echo(sentence)
    return Exit.DONE


def _routes(workflow: Workflow, scope: Mapping[str, Any]) -> Iterator[tuple[Step, RouteTrials]]:
    for step in workflow.steps:
        for gate in step.gates:
            trials = try_routes(gate, step, scope, [])
            if trials is not None:
                yield step, trials


def _scope(workflow: Workflow, texts: Mapping[str, str], ask: str | None, person: str) -> dict[str, Any]:
    """Return the names that conditions can read before a run. Wrong inputs end the command."""
    values, errors = fields.from_text_all(workflow.inputs, texts)
    if errors:
        for sentence in refusals.of_options(errors, fields.labels(workflow.inputs)):
            print_sentence(sentence, err=True)
        raise click.exceptions.Exit(Exit.USAGE)
    run = {"id": "", "workflow": workflow.name, "requester": person, "started_at": timestamps.iso(SystemClock().now())}
    scope: dict[str, Any] = {"inputs": values, "steps": {}, "run": run, "trigger": {}}
    if ask is not None:
        content = trial_asks.read(ask, workflow.name).content
        given = {name: getattr(content, name) for name in _READ if getattr(content, name)}
        scope["ask"] = asked_content.as_read(asked_content.played(workflow.name, given))
    return scope
