"""The words of what people do to registered workflows: a change that waits, a state, an older version. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.presentation.characters import line
from engine.domain.workflow_commands import Proposed, WorkflowState, WorkflowStateChanged

STATES: Final[Mapping[WorkflowState, str]] = {
    WorkflowState.ACTIVE: "active",
    WorkflowState.DISABLED: "disabled",
    WorkflowState.DELETED: "deleted",
}
_NOW: Final[Mapping[WorkflowState, str]] = {
    WorkflowState.ACTIVE: "is enabled. It can be started again.",
    WorkflowState.DISABLED: "is disabled. Nothing starts it until it is enabled again.",
    WorkflowState.DELETED: "is deleted. Nothing starts it, and its versions are kept.",
}
_BEFORE: Final[Mapping[WorkflowState, str]] = {
    WorkflowState.ACTIVE: "is enabled already.",
    WorkflowState.DISABLED: "is disabled already.",
    WorkflowState.DELETED: "is deleted already.",
}


def proposed(answer: Proposed) -> str:
    """Return that a change waits for another person."""
    if answer.was_open:
        return f"This change of {line(answer.workflow)} was proposed before. It waits for another person's approval."
    return (
        f"{line(answer.workflow)} is protected, so another person was asked to approve this change. "
        "Nothing changes before they do."
    )


def state_changed(answer: WorkflowStateChanged) -> str:
    """Return the state that a workflow has now, and that open runs go on."""
    sentence = (_NOW if answer.changed else _BEFORE)[answer.state]
    return f"{line(answer.workflow)} {sentence}{_open_runs(answer)}"


def _open_runs(answer: WorkflowStateChanged) -> str:
    if answer.state is WorkflowState.ACTIVE or not answer.open_runs:
        return ""
    if answer.open_runs == 1:
        return " 1 open run goes on with its version."
    return f" {answer.open_runs:,} open runs go on with their versions."
