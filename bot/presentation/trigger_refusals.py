"""The sentences for triggers that start no run, for `refusals`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation.characters import line
from engine.domain import BodyRefused, Phrase, QueueFull, Refusal, StillRunning, WebhookUnknown
from engine.domain.workflow_commands import NewerVersion, WorkflowDisabled, WorkflowState


def _still_running(refusal: StillRunning) -> Phrase:
    return (f"No run was started: the run before, {refusal.run}, has not ended.",)


def _queue_full(refusal: QueueFull) -> Phrase:
    return (f"No run was started: {refusal.most} runs are waiting for the one before already. Try again later.",)


def _webhook_unknown(_: WebhookUnknown) -> Phrase:
    return ("No webhook with this name takes this call. Check its address, its secret and the clock of the sender.",)


def _body_refused(refusal: BodyRefused) -> Phrase:
    return (f"No run was started: {line(refusal.why)}.",)


def _disabled(refusal: WorkflowDisabled) -> Phrase:
    by = f" by {line(refusal.by.label)}" if refusal.by is not None else ""
    at = (" on ", refusal.at) if refusal.at is not None else ()
    if refusal.state is WorkflowState.DELETED:
        return (f"The workflow {line(refusal.workflow)} was deleted{by}", *at, ", so it cannot be started.")
    what = "so nothing starts it. Its owner or an admin can enable it again."
    return (f"The workflow {line(refusal.workflow)} was disabled{by}", *at, f", {what}")


def _newer_version(refusal: NewerVersion) -> Phrase:
    name = line(refusal.workflow)
    return (
        f"{name} has version {refusal.version} now, which you have not seen, so nothing was changed. "
        "Look at that version, then do it again.",
    )


SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {
    StillRunning: _still_running,
    QueueFull: _queue_full,
    WebhookUnknown: _webhook_unknown,
    BodyRefused: _body_refused,
    WorkflowDisabled: _disabled,
    NewerVersion: _newer_version,
}
