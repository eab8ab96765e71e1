"""The commands about registered workflows, with their results: versions, states and owners."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address, Person
from engine.domain.results import Refusal


class WorkflowState(StrEnum):
    """Whether a workflow can be started. Runs that are open go on in every state."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"
    """It is not listed either. Registered again, it has the next version and the same history."""


class RollBack(Struct, frozen=True, kw_only=True):
    """Register the source of an older version as the next version. `version`: None: the one before the current one.

    `base`: as in `Register`.
    """

    workflow: str
    version: int | None
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE
    base: int | None = None


class ChangeWorkflowState(Struct, frozen=True, kw_only=True):
    """Disable, enable or delete a workflow."""

    workflow: str
    state: WorkflowState
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class TransferWorkflow(Struct, frozen=True, kw_only=True):
    """Give a workflow another owner, in its file: a version like any other. `to`: as `owner` in a file names people."""

    workflow: str
    to: str
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class Proposed(Struct, frozen=True, kw_only=True):
    """The change waits for the approval of another person, because the workflow is protected. Nothing has changed yet.

    `run`: the run that waits for the answer. `was_open`: the same change waited before. `warnings`: as in `Registered`.
    """

    workflow: str
    run: str
    was_open: bool
    warnings: tuple[str, ...] = ()


class WorkflowStateChanged(Struct, frozen=True, kw_only=True):
    """The workflow has this state. `changed`: it had another before. `open_runs`: its runs that go on."""

    workflow: str
    state: WorkflowState
    changed: bool
    open_runs: int


class NewerVersion(Refusal, frozen=True, kw_only=True):
    """The workflow has another version than the one that was changed. `version`: the current one."""

    workflow: str
    version: int


class WorkflowDisabled(Refusal, frozen=True, kw_only=True):
    """Nothing starts the workflow: it was disabled or deleted. `by`: None if the person is not known any more."""

    workflow: str
    state: WorkflowState
    by: Person | None
    at: datetime | None
