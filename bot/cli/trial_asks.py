"""Asks in a trial: `--ask` is what a program would send, and the person at the terminal says how its act went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click
from anyio.from_thread import BlockingPortal

from engine import durations, json_values
from engine.domain import Address, Origin, StepStatus
from engine.domain.asks import Ask, AskContent, AskUse, Consume, OutcomeStatus, ReportOutcome
from engine.domain.people import API
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.read_models import RunView
from engine.service import Engine
from engine.workflowfile.step_kinds import ASK

PROGRAM: Final = Address(API, "trial")
"""The program that asks in a trial."""
NEEDS_ASK: Final = (
    "This workflow decides about what programs ask, so a trial needs one. "
    'Add --ask \'{"title": "Refund 12 EUR", "tool": "refund", "arguments": {"amount": 12}}\''
)
_NAME: Final = "Trial"
_ORIGIN: Final = Origin(surface="api")
_TEXTS: Final = ("title", "tool", "server", "summary", "risk", "reasoning", "impact", "confidence", "data")
_KEYS: Final = (*_TEXTS, "arguments", "fields", "editable", "use", "expires_in", "agent")


def read(text: str, workflow: str) -> Ask:
    """Return the ask in JSON that a person typed. Raises `click.UsageError` if it is none."""
    if not text.strip():
        raise click.UsageError(NEEDS_ASK)
    try:
        raw = json_values.loads(text)
        if not isinstance(raw, dict):
            raise InvalidValue('is no JSON object, like {"title": "Refund"}')
        return Ask(
            content=AskContent(**_content(raw)),
            actor=PROGRAM,
            agent=str(raw.get("agent") or _NAME),
            origin=_ORIGIN,
            workflow=workflow,
        )
    except InvalidValue as error:
        raise click.UsageError(f"--ask {error}.") from error


def _content(raw: Mapping[str, Value]) -> dict[str, Any]:
    if unknown := [name for name in raw if name not in _KEYS]:
        raise InvalidValue(f"has no “{unknown[0]}”. It has {', '.join(_KEYS)}")
    content: dict[str, Any] = {name: value for name, value in raw.items() if name not in ("agent", "use", "expires_in")}
    content["use"] = AskUse(_choice(raw, "use", [*AskUse], AskUse.ONCE))
    if raw.get("expires_in") is not None:
        content["expires_in"] = durations.parse(str(raw["expires_in"]))
    if isinstance(editable := raw.get("editable"), list):
        content["editable"] = tuple(str(name) for name in editable)
    for name in _TEXTS:
        if raw.get(name) is not None and not isinstance(raw[name], str):
            raise InvalidValue(f"has a “{name}” that is no text")
    for name in ("arguments", "fields"):
        if not isinstance(raw.get(name, {}), dict):
            raise InvalidValue(f"has “{name}” that are no JSON object")
    return {"title": "", **content}


def _choice(raw: Mapping[str, Value], name: str, choices: list[AskUse], default: AskUse) -> str:
    chosen = str(raw.get(name) or default)
    if chosen not in choices:
        raise InvalidValue(f"has a “{name}” that is not {' or '.join(choices)}")
    return chosen


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
