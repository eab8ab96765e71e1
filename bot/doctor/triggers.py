"""Checks of triggers: whether what starts runs besides people at a command can do so on this server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from bot.doctor import secrets, workload
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, problem, warning
from bot.lmtp import setup as lmtp_setup
from bot.step_types import load_step_types
from engine import timestamps, webhooks, workflowfile
from engine.domain import TriggerKind
from engine.errors import DefinitionError, InvalidValue, PluginError, StepError
from engine.store import health
from engine.workflowfile import Trigger

LATE: Final = timedelta(minutes=10)
"""How long a schedule may be due before that is reported."""
_MOST: Final = 5
"""Findings of one kind that are named one by one."""


def triggers(context: CheckContext) -> Iterator[Finding]:
    """Check the triggers of the current versions of workflows."""
    found = _current(context)
    if found is None:
        return
    findings = [finding for name, trigger in found for finding in _of_trigger(context, name, trigger)]
    yield from findings[:_MOST]
    if len(findings) > _MOST:
        more = len(findings) - _MOST
        yield problem("workflows.triggers", f"There are {more} more such problems.", "Solve those above first.")
    late = list(_of_rows(context))
    yield from late
    if found and not findings and not late:
        yield ok("workflows.triggers", f"Triggers that can start runs: {len(found)}.")


def _current(context: CheckContext) -> list[tuple[str, Trigger]] | None:
    """Return the triggers that this version understands; the check of workflows reports the others."""
    sources = workload.read(context, health.workflow_sources)
    if sources is None:
        return None
    try:
        kinds = load_step_types(context.settings)
    except PluginError:
        return None
    found: list[tuple[str, Trigger]] = []
    for source in sources:
        try:
            workflow = workflowfile.load(source.source, kinds=kinds, registered=True) if source.is_current else None
        except DefinitionError:
            continue
        found += [(source.name, trigger) for trigger in workflow.triggers] if workflow is not None else []
    return found


def _of_trigger(context: CheckContext, name: str, trigger: Trigger) -> Iterator[Finding]:
    what = f"The {trigger.kind} of {name} can start no run"
    if trigger.kind in (TriggerKind.MESSAGE, TriggerKind.REACTION) and not context.settings.slack_bot_token:
        yield problem("workflows.triggers", f"{what}: Slack is not set up.", "Set up Slack: docs/slack.md says how.")
    if trigger.kind is TriggerKind.EMAIL and (advice := lmtp_setup.missing(context.settings)) is not None:
        yield problem("workflows.triggers", f"{what}: no mail server delivers to this server.", advice)
    if trigger.webhook is None:
        return
    if not context.settings.public_url:
        advice = "Set SIGNOFF_PUBLIC_URL to the address at which other systems reach this server."
        yield problem("workflows.triggers", f"{what}: this server has no public address.", advice)
    used = trigger.webhook.secret
    try:
        secret = secrets.known_secrets(context).read(used, name)
        if trigger.webhook.header is None:
            webhooks.key_of(secret)
    except StepError:
        advice = f"Set it: signoff secret set {used}"
        yield problem("workflows.triggers", f"{what}: its secret {used} is not set.", advice)
    except InvalidValue as error:
        advice = f"Correct it (signoff secret set {used}), or have the sender put the secret in a header."
        yield problem("workflows.triggers", f"{what}: its secret {used} {error}.", advice)


def _of_rows(context: CheckContext) -> Iterator[Finding]:
    """Report schedules that are overdue, and triggers that could last not start a run."""
    before = context.clock.now() - LATE
    rows = workload.read(context, lambda connection: health.troubled_triggers(connection, before=before))
    for row in rows or ():
        if row.failure is not None:
            said = f"The {row.kind} of {row.workflow} could not start a run: {row.failure.rstrip('.')}."
            yield warning("workflows.triggers", said, "Correct the file, and register it again: signoff register FILE")
        elif row.next_at is not None:
            said = f"A schedule of {row.workflow} has been due since {timestamps.iso(row.next_at)}."
            yield warning("workflows.triggers", said, "Start the server if none is running, or look into its log.")


CHECKS: Final = (triggers,)
