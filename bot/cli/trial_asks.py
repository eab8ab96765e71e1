"""Asks in a trial: `--ask` is what a program would send, and the person at the terminal says how its act went."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
from anyio.from_thread import BlockingPortal

from bot.api import json_bodies
from bot.api.ask_bodies import AskBody
from bot.api.problems import ApiProblem
from engine.domain import Address, Origin, StepStatus
from engine.domain.asks import Ask, AskUse, Consume, OutcomeStatus, ReportOutcome
from engine.domain.people import API
from engine.read_models import RunView
from engine.service import Engine
from engine.workflowfile.step_kinds import ASK

PROGRAM: Final = Address(API, "trial")
"""The program that asks in a trial."""
NEEDS_ASK: Final = (
    "This workflow decides about what programs ask, so a trial needs one. "
    'Add --ask \'{"title": "Refund 12 EUR", "tool": "refund", "arguments": {"amount": 12}}\''
)
NOT_ASKED: Final = "This workflow takes no asks: it has neither `rules` nor a step `uses: ask`. Leave out --ask."
_NAME: Final = "Trial"
_ORIGIN: Final = Origin(surface="api")


def read(given: str, workflow: str) -> Ask:
    """Return the ask that a person typed as JSON, or the one in a file. Raises `click.UsageError` if it is none."""
    if not given.strip():
        raise click.UsageError(NEEDS_ASK)
    try:
        raw = json_bodies.parse(_source(given))
        # A trial is about what happens after an approval, too.
        asked = {"use": AskUse.ONCE.value, **raw} if isinstance(raw, dict) else raw
        agent = asked.pop("agent", _NAME) if isinstance(asked, dict) else _NAME
        body = json_bodies.validated(AskBody, asked, what="body")
    except ApiProblem as problem:
        raise click.UsageError(problem.detail.replace("The body", "--ask", 1)) from problem
    return Ask(content=body.content, actor=PROGRAM, agent=str(agent), origin=_ORIGIN, workflow=workflow)


def _source(given: str) -> bytes:
    """Return JSON as it was typed, or the content of the file that was named."""
    if given.lstrip().startswith("{"):
        return given.encode()
    try:
        return Path(given).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--ask is neither JSON nor a file: {given} cannot be read.") from error


def act(portal: BlockingPortal, engine: Engine, run: RunView, *, is_interactive: bool) -> Any:
    """Act as the program, if the run waits for that: use its approval, or say how that went. Return what was done."""
    step = run.steps[-1] if run.steps else None
    if step is not None and step.status is StepStatus.GRANTED:
        return portal.call(engine.consume, Consume(ask=run.id, actor=PROGRAM, origin=_ORIGIN))
    if step is None or step.status is not StepStatus.STARTED or step.uses != ASK:
        return None
    return portal.call(engine.report_outcome, _report(run.id, is_interactive=is_interactive))


def _report(run: str, *, is_interactive: bool) -> ReportOutcome:
    """Return what the program reports: what the person at the terminal says, or that it worked."""
    status = OutcomeStatus.SUCCEEDED.value
    if is_interactive:
        question = "The program acts now. How did it go?"
        status = click.prompt(question, type=click.Choice([*OutcomeStatus]), default=status)
    return ReportOutcome(ask=run, actor=PROGRAM, origin=_ORIGIN, status=OutcomeStatus(status))
