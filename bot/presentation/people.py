"""The names of the people of a request: asked, no longer able to decide, not reached. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.presentation.characters import line
from engine.domain import RequestState
from engine.read_models import RequestView

_NAMED: Final = 5
"""Maximum number of people who are named one by one in a list."""


def approvers(request: RequestView) -> list[str]:
    """Return the names of the approvers; while the request waits, without those who can no longer decide."""
    model = request.model
    approvers = model.eligible if model.state is RequestState.PENDING else model.approvers
    return [line(approver.person.label) for approver in approvers]


def asked(names: Sequence[str], *, closed: bool) -> str:
    """Return who can decide a request, or who was asked once it is closed; a long list ends with a number."""
    # One more name is as short as "1 more".
    shown = [*names] if len(names) <= _NAMED + 1 else [*names[:_NAMED], f"{len(names) - _NAMED} more people"]
    if not shown:
        return "" if closed else "No approver is left."
    last = shown[-1]
    listed = f"{', '.join(shown[:-1])} {'and' if closed else 'or'} {last}" if shown[:-1] else last
    return f"{listed} {'was' if len(shown) == 1 else 'were'} asked." if closed else f"{listed} can decide."


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
