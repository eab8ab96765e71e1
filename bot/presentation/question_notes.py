"""The questions of approvers and their answers, as every copy of a request shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.presentation.characters import line, visible
from engine.domain import CardFact, Phrase, RequestState
from engine.read_models import RequestView
from engine.requests import Question, questions


def notes(request: RequestView) -> Iterator[CardFact]:
    """Yield each question with its people and times, and its answer: whole, because a surface cuts what is too long."""
    for question in request.model.questions:
        yield asked(question)
        if not question.is_open:
            yield answered(question)


def open_to(requests: Iterable[RequestView], person: str) -> Iterator[tuple[RequestView, Question]]:
    """Yield the questions about these requests that wait for a person, each with its request."""
    for request in requests:
        for question in questions.all_waiting_for(request.model.questions, person):
            yield request, question


def heading(request: RequestView, question: Question) -> str:
    """Return who asks a person a question, and about which request, for a list."""
    return f"{line(question.asked_by.label)} asks you about “{line(request.title)}”"


def asked(question: Question) -> CardFact:
    """Return one question."""
    who = f"{line(question.asked_by.label)} asked {line(question.asked_to.label)}, "
    return CardFact(label="Question", text=(who, question.asked_at, f": {visible(question.text)}"))


def answered(question: Question) -> CardFact:
    """Return the answer to one question."""
    assert question.answered_by is not None
    assert question.answered_at is not None
    who = f"{line(question.answered_by.label)} answered, "
    return CardFact(label="Answer", text=(who, question.answered_at, f": {visible(question.answer or '')}"))


def pause(request: RequestView) -> Iterator[Phrase]:
    """Yield that the deadlines of a waiting request are paused."""
    deadlines = request.model.deadlines
    if deadlines.paused_until is None or request.model.state is not RequestState.PENDING:
        return
    if deadlines.expires_after is not None:
        stands_still = "The time to decide is paused until the question is answered, at most until "
        yield stands_still, deadlines.paused_until, "."
