"""The command that makes the registered workflows those of a folder, all or none of them, with its results."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address
from engine.domain.results import Refusal


class SyncWorkflows(Struct, frozen=True, kw_only=True):
    """Register these files. `applies`: otherwise nothing is changed, and the result says what would be.

    `disables_missing`: workflows that are registered and have no file are disabled.
    """

    sources: tuple[bytes, ...]
    applies: bool
    disables_missing: bool
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class SyncOutcome(StrEnum):
    """What becomes of a workflow."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PROPOSED = "proposed"
    """It is protected, so another person is asked to approve the change."""
    MISSING = "missing"
    """It is registered and has no file. It stays as it is."""
    DISABLED = "disabled"


class SyncedWorkflow(Struct, frozen=True, kw_only=True):
    """One workflow. `before`: the file of its current version, if it has one. `run`: the run of a proposal."""

    workflow: str
    outcome: SyncOutcome
    version: int | None = None
    before: bytes | None = None
    after: bytes | None = None
    warnings: tuple[str, ...] = ()
    run: str | None = None


class Synced(Struct, frozen=True, kw_only=True):
    """What became of all workflows, by name; or `refused`: why nothing was changed, by the name of the workflow."""

    workflows: tuple[SyncedWorkflow, ...] = ()
    refused: tuple[tuple[str, Refusal], ...] = ()
