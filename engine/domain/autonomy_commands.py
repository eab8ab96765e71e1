"""The commands about sampling plans and what they let through, and their results."""

from __future__ import annotations

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address


class ReportIncident(Struct, frozen=True, kw_only=True):
    """Say that something is wrong with what a run did, so that everything like it is reviewed again."""

    run: str
    reason: str
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class TightenPlan(Struct, frozen=True, kw_only=True):
    """Let everything be reviewed again that a sampling plan counts."""

    plan: str
    reason: str
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class IncidentNoted(Struct, frozen=True, kw_only=True):
    """The incident was recorded. `plans`: how many count the run; `tightened`: how many of them let some pass."""

    run: str
    plans: int
    tightened: int


class PlanTightened(Struct, frozen=True, kw_only=True):
    """Everything is reviewed. `was_sample`: only a share was before."""

    plan: str
    was_sample: bool
