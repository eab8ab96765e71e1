"""Why a decision from the inbox goes on at the page of its request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class ReviewNote(StrEnum):
    """What a decision needs that a row of the inbox has no room for. The address of the page carries it."""

    QUESTION = "question"
    IRREVERSIBLE = "irreversible"
    CODE = "code"
    SIGN_IN = "sign-in"
    REASON = "reason"
    REJECTION = "rejection"
    """A reason for a rejection, whose field is shown at once."""


SENTENCES: Final[Mapping[str, str]] = {
    ReviewNote.QUESTION: "Nothing was decided yet. Before you approve this, read the question that the button asks.",
    ReviewNote.IRREVERSIBLE: (
        "Nothing was decided yet. What follows cannot be undone. Read everything here, then press the button."
    ),
    ReviewNote.CODE: "Nothing was decided yet. Your decision needs a code. Press the button here, and we send you one.",
    ReviewNote.SIGN_IN: "Nothing was decided yet. To decide this, you sign in with Slack. Press the button here.",
    ReviewNote.REASON: "Nothing was decided yet. Write your reason, then press the button.",
    ReviewNote.REJECTION: "Nothing was decided yet. Write why you reject this, then press the button.",
}
"""The sentence for each note, by its value."""
