"""Commands of a trial beside decisions: the person at the terminal asks, answers and undoes as the people concerned."""

from __future__ import annotations

from bot.terminal.prompts import PromptedQuestion
from engine.domain import Address, AnswerQuestion, AskQuestion, Assurance, Origin, Person, Undo
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


def undoing(request: RequestView, person: Person) -> Undo:
    """Return the command that undoes an approval, as the person who gave it."""
    actor = person.addresses[0]
    return Undo(request=request.id, actor=actor, origin=_ORIGIN, assurance=Assurance.TERMINAL)
