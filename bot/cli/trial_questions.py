"""The questions of a trial: the person at the terminal asks as an approver, and answers as the person who is asked."""

from __future__ import annotations

from bot.terminal.prompts import PromptedQuestion
from engine.domain import Address, AnswerQuestion, AskQuestion, Assurance, Origin
from engine.read_models import RequestView
from engine.requests import Question

_ORIGIN = Origin(surface="terminal")


def asking(request: RequestView, asker: Address, typed: PromptedQuestion) -> AskQuestion:
    """Return the command that asks a question."""
    return AskQuestion(
        request=request.id,
        text=typed.text,
        to=typed.to,
        actor=asker,
        origin=_ORIGIN,
        assurance=Assurance.TERMINAL,
    )


def answering(request: RequestView, question: Question, text: str) -> AnswerQuestion:
    """Return the command that answers a question, as the person who is asked."""
    return AnswerQuestion(
        request=request.id,
        question=question.id,
        text=text,
        actor=question.asked_to.addresses[0],
        origin=_ORIGIN,
        assurance=Assurance.TERMINAL,
    )
