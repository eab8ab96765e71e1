"""Hints for people while there is nothing to see yet."""

from __future__ import annotations

from typing import Final

from bot.devtools.demo.workflows import OUTSIDER
from bot.devtools.sandbox import Hint

_CLEO: Final = Hint(text="Open Cleo’s window", page="/sandbox?as=cleo")
_APPROVER: Final = (
    Hint(text="You approve things here. First Cleo has to ask for something; then a message with buttons comes here."),
    _CLEO,
)
_GUEST: Final = (
    Hint(text="You are a guest, and guests never approve anything. Cleo asks for things; Ada and Ben approve them."),
    _CLEO,
)
_IN_SLACK: Final = (
    Hint(
        text="Ada, Ben and Cleo get messages in Slack. They get an email only while Slack is down, or if no one has "
        "answered for 15 minutes."
    ),
)
_BEGIN: Final = (
    Hint(text="Begin as Cleo: she asks for a refund. Then be Ada, who approves it, corrects it or says no."),
    Hint(text="Be Cleo, who asks", page="/sandbox?as=cleo"),
    Hint(text="Be Ada, who approves", page="/sandbox?as=ada"),
)

ADVICE: Final = {
    "": _BEGIN,
    "cleo": (
        Hint(text="You ask for things. Press one of these, then Send:"),
        Hint(text="/signoff run refund", line="/signoff run refund"),
        Hint(text="/signoff run expense", line="/signoff run expense"),
        Hint(text="/signoff run outreach", line="/signoff run outreach"),
        Hint(text="A form opens. Refund more than 100 EUR, and Ada and Ben are asked."),
        Hint(text="Then open Ada’s window, and answer for her:"),
        Hint(text="Open Ada’s window", page="/sandbox?as=ada"),
        Hint(text="To see all commands, type / below."),
    ),
    "ada": _APPROVER,
    "ben": _APPROVER,
    "gus": _GUEST,
    "una": _GUEST,
    OUTSIDER: (
        Hint(
            text="You have no Slack, so you get emails. Open Cleo’s window and run expense: then an email comes here."
        ),
        _CLEO,
    ),
    **{f"{name}@example.com": _IN_SLACK for name in ("ada", "ben", "cleo")},
}
"""Hints by account name, by email address, and by an empty name for the choice of a person: the keys of the page."""
