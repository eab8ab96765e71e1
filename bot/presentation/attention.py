"""How long people look at what they decide, in plain words: for themselves, and about several people. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from bot.presentation import request_content
from engine.domain import CardFact, Person
from engine.inbox import InboxPart
from engine.oversight import attention
from engine.oversight.attention import FEWEST_PEOPLE, Figures, SharedFigures
from engine.read_models import RequestView

PARTS: Final = frozenset({InboxPart.NEEDS_YOU, InboxPart.DECIDED})
"""The parts of an inbox that tell its reader their own figures."""
_FEWEST: Final = 5
"""Fewest decisions of which a person is told figures."""
_MINUTE: Final = 60
_MINUTES_FROM: Final = 120
"""Time from which a duration is told in minutes, in seconds."""
_HOURS_FROM: Final = 7_200
TOO_FEW: Final = (
    f"How long people look is shown once at least {FEWEST_PEOPLE} people besides you have decided about this workflow."
)
"""What an owner reads in the place of figures."""


def notes(request: RequestView, reader: Person | None) -> Iterator[CardFact]:
    """Yield the one line more on a card after many approvals that took very little time: it names what matters most."""
    figures = request.hurried.get(reader.id) if reader is not None else None
    shown = attention.riskiest([*request_content.risky_values(request)]) if figures is not None else None
    if figures is None or figures.middle is None or shown is None:
        return
    took = f"Half of your last {figures.decisions} approvals took {_middle(figures.middle, figures.is_exact)}."
    yield CardFact(label="Before you decide", text=(f"{took} Look at “{shown.label}” once more.",))


def own(figures: Figures) -> str:
    """Return the figures of a person's last decisions for themselves, or an empty text if they are few."""
    if figures.decisions < _FEWEST:
        return ""
    row = f", and approved the last {figures.in_a_row:,} as they were" if figures.in_a_row > 1 else ""
    changed = f"ou changed {figures.changed or 'none'}{row}."
    if figures.middle is None:
        return f"Of your last {figures.decisions} decisions y{changed}"
    half = f"Half of your last {figures.decisions} decisions took {_middle(figures.middle, figures.is_exact)}"
    quick = "all" if figures.quick == figures.decisions else figures.quick or "none"
    return f"{half}, and {quick} less than {attention.QUICK:.0f} s. Y{changed}"


def _middle(seconds: float, is_exact: bool) -> str:
    """Return up to which time half of them took. `is_exact`: otherwise not even that is sure to have been needed."""
    return f"{_time(seconds)} or less" if is_exact else f"at most {_time(seconds)}"


def shared(figures: SharedFigures | None) -> str:
    """Return the figures of several people for the owner of a workflow."""
    if figures is None:
        return TOO_FEW
    middle = figures.middle
    took = f"Half of them took {_time(middle)} or less for half of theirs. " if middle is not None else ""
    return (
        f"{figures.people} people made the last {figures.decisions:,} decisions. {took}On average, a person decided "
        f"{_percent(figures.quick)} within {attention.QUICK:.0f} s, and changed {_percent(figures.changed)}."
    )


def _time(seconds: float) -> str:
    if seconds < _MINUTES_FROM:
        return f"{max(1, math.ceil(seconds))} s"
    minutes = seconds / _MINUTE
    return f"{minutes:.0f} min" if seconds < _HOURS_FROM else f"{minutes / _MINUTE:.0f} h"


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%"
