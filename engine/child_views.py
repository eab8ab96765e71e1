"""What the page of a run shows of the runs that its steps started."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildView:
    """A run that a step of another run started, as the page of that run shows it. `title`: of its workflow."""

    run: str
    title: str
    status: RunStatus
    step: str
    visit: int
