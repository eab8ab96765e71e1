"""The names of the people of a request: asked, no longer able to decide, not reached. Pure."""

from __future__ import annotations

from typing import Final

from bot.presentation.characters import line
from engine.domain import RequestState
from engine.read_models import RequestView

_NAMED: Final = 5
"""People who are named one by one in a list of those who were not reached."""


def approvers(request: RequestView) -> list[str]:
    """Return the names of the approvers; while the request waits, without those who can no longer decide."""
    model = request.model
    approvers = model.eligible if model.state is RequestState.PENDING else model.approvers
    return [line(approver.person.label) for approver in approvers]


def excluded(request: RequestView) -> str:
    """Return the approvers who can no longer decide, each with the reason."""
    return "; ".join(
        f"{line(approver.person.label)} ({line(approver.excluded)})"
        for approver in request.approvers
        if approver.excluded
    )


def not_reached(request: RequestView) -> str:
    """Return the first approvers without a copy, each with the reason, and the number of the others."""
    names = [f"{line(person.label)} ({line(why.rstrip('.'))})" for person, why in request.unreached[:_NAMED]]
    more = len(request.unreached) - _NAMED
    return "; ".join([*names, *([f"and {more} more"] if more > 0 else [])])
