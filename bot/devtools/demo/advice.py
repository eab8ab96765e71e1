"""Hints for people while there is nothing to see yet."""

from __future__ import annotations

from typing import Final

from bot.devtools.demo.workflows import OUTSIDER
from bot.devtools.sandbox import Hint

_CLEO: Final = Hint(text="Open Cleo’s window", page="/sandbox?as=cleo")
_STARTED: Final = (
    "Requests appear here by themselves once Cleo starts something, and you decide them with their buttons."
)
_GUEST: Final = (
    "Guests are never asked to approve, so nothing comes here by itself. Cleo starts things; Ada and Ben decide."
)
_IN_SLACK: Final = (
    "People in Slack are asked there. An email comes here only while Slack is down, or when no one has answered for "
    "15 minutes."
)

ADVICE: Final = {
    "cleo": (
        Hint(text="You start things. Type / below and choose a command, or choose one of these and press Send:"),
        Hint(text="/signoff run expense", line="/signoff run expense"),
        Hint(text="/signoff run refund", line="/signoff run refund"),
        Hint(text="Then see what Ada is asked, and answer for her."),
        Hint(text="Open Ada’s window", page="/sandbox?as=ada"),
    ),
    "ada": (Hint(text=_STARTED), _CLEO),
    "ben": (Hint(text=_STARTED), _CLEO),
    "gus": (Hint(text=_GUEST), _CLEO),
    "una": (Hint(text=_GUEST), _CLEO),
    OUTSIDER: (
        Hint(
            text="Mia has no Slack, so she is asked by email: as Cleo, type /signoff run expense, and an email comes."
        ),
        _CLEO,
    ),
    **{f"{name}@example.com": (Hint(text=_IN_SLACK),) for name in ("ada", "ben", "cleo")},
}
"""Hints by account name and by email address, the two keys that the page uses."""
