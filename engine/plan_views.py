"""Sampling plans as people read them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from engine.domain import Person
from engine.oversight.sampling_plan import PlanState


class PlanView(Struct, frozen=True, kw_only=True):
    """A sampling plan. `workflow`: its name. `unreviewed`: how often a run went through without review.

    `used_at`: when a run came through last. `agreed_by`: who agreed that only a share is reviewed.
    """

    id: str
    workflow: str
    workflow_title: str
    version: int
    is_current: bool
    step: str
    step_label: str
    class_name: str
    model: str
    state: PlanState
    unreviewed: int
    used_at: datetime | None
    agreed_by: Person | None
    source: bytes
