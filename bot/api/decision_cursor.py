"""The cursors of the list of decisions: the id of a decision, or the visit that went through without review. Pure."""

from __future__ import annotations

from typing import Final

from engine.oversight.draw import VisitKey

_UNREVIEWED: Final = "unreviewed"
PATTERN: Final = rf"^([0-9a-z-]{{1,40}}|{_UNREVIEWED}:[0-9a-z-]{{1,40}}:[0-9]{{1,9}}:.+)$"
LONGEST: Final = 300
"""Maximum length of a cursor, in characters: the name of a step is in it."""


def of(visit: VisitKey) -> str:
    """Return the cursor of the page that follows a visit."""
    run, step, number = visit
    return f"{_UNREVIEWED}:{run}:{number}:{step}"


def read(cursor: str | None) -> VisitKey | None:
    """Return the visit that a cursor names, or None if it names a decision, or the first page."""
    if cursor is None or not cursor.startswith(f"{_UNREVIEWED}:"):
        return None
    _, run, number, step = cursor.split(":", 3)
    return run, step, int(number)
