"""The answers of an owner about a call of unknown outcome, in the words of every surface. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.presentation import labels
from bot.presentation.characters import line
from engine.domain import ResumeAnswer
from engine.workflowfile.step_kinds import ASK

LABELS: Final[Mapping[ResumeAnswer, str]] = {
    ResumeAnswer.DONE: "It happened",
    ResumeAnswer.REPEAT: "It did not happen",
    ResumeAnswer.STOP: "Stop the run",
}
"""The buttons."""
CONSEQUENCES: Final[Mapping[ResumeAnswer, str]] = {
    ResumeAnswer.DONE: "The run continues with the next step.",
    ResumeAnswer.REPEAT: "The step is called again. If it did happen after all, it happens twice.",
    ResumeAnswer.STOP: "The run ends here. Nothing more is called.",
}
"""What each answer leads to, as a sentence beside or behind its button."""


def offered(uses: str) -> Mapping[ResumeAnswer, str]:
    """Return the answers about a step of this kind. What a program did, only that program can do again."""
    return {answer: label for answer, label in LABELS.items() if uses != ASK or answer is not ResumeAnswer.REPEAT}


def question(step: str) -> str:
    """Return the question about a call of unknown outcome. `step`: the title of the step, or its id."""
    return f"Did “{line(labels.in_words(step))}” happen?"
