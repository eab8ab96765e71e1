"""What people are told who may not register workflows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.presentation import people
from engine.domain import NotAllowed

NO_BUILDERS: Final = (
    "No one may register workflows here yet. The operator of this server names the builders in SIGNOFF_BUILDERS "
    "(email addresses, Slack user IDs, group:handle or role:name, separated by commas)."
)


def refused(builders: Sequence[str]) -> NotAllowed:
    """Return why a person who is not named may not register workflows."""
    if not builders:
        return NotAllowed(why=NO_BUILDERS)
    return NotAllowed(why=f"Only builders may register workflows here. Ask {people.joined(builders, 'or')}.")
