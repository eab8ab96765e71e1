"""The cards about a question: for the person who is asked, and for the approver who gets the answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.presentation import outcome_card, people, questions, request_content, request_outcome, states
from bot.presentation.characters import line, visible
from engine.domain import Card, CardFact, CardOutcome, DeliveryKind, RequestState, Tone
from engine.read_models import DeliveryContent, RequestView
from engine.requests import Question
from engine.requests import questions as questions_of_requests


def question_card(copy: DeliveryContent, request: RequestView, question: Question) -> Card:
    """Return the card that asks a question, or that tells its answer to the person who asked."""
    asks, is_shared = copy.asks_question, questions_of_requests.is_shared_answer(copy.topic)
    asker = question.asked_by.account if is_shared else None
    outcome = _outcome(request, question) if asks else None
    return Card(
        kind=DeliveryKind.ALERT,
        title=_title(request, question, asks=asks, is_shared=is_shared),
        tone=_tone(request, question),
        lead=() if outcome or not asks else ((_advice(request, question),),),
        values=request_content.values(request) if asks and outcome is None else (),
        notes=tuple(_notes(question, asks=asks)),
        outcome=outcome,
        approvers=(line(question.asked_by.label),) if asker is not None else (),
        mentions=(asker.value,) if asker is not None else (),
        requester=people.starter(request.requester),
        details=tuple(outcome_card.run_details(copy.run)),
        run=request.run,
        request=request.id,
        topic=copy.topic,
        about=None if asks else questions.as_asked(request),
        because="you were asked a question" if asks else "you asked a question",
        question_id=question.id if asks and outcome is None else None,
        # With them, the details of an answer are those of the request, with its buttons: the approver goes on there.
        content_version=None if asks else request.model.content_version,
        digest=None if asks else request.model.digest,
    )


def _title(request: RequestView, question: Question, *, asks: bool, is_shared: bool) -> str:
    about = line(request.title)
    if asks:
        return f"{line(question.asked_by.label)} has a question about “{about}”"
    answered_by = question.answered_by or question.asked_to
    whose = f"{line(question.asked_by.label)}’s" if is_shared else "your"
    return f"{line(answered_by.label)} answered {whose} question about “{about}”"


def _advice(request: RequestView, question: Question) -> str:
    started = "You started this. " if question.asked_to.id == request.requester.id else ""
    return f"{started}{line(question.asked_by.label)} asks before deciding. All approvers will see your answer."


def _notes(question: Question, *, asks: bool) -> Iterator[CardFact]:
    yield CardFact(label="Question", text=(visible(question.text),))
    if question.answer is not None:
        yield CardFact(label="Your answer" if asks else "Answer", text=(visible(question.answer),))


def _outcome(request: RequestView, question: Question) -> CardOutcome | None:
    """Return why the question needs no answer any more, or None if it does."""
    if question.answered_at is not None:
        return CardOutcome(line=("You answered, ", question.answered_at))
    return request_outcome.card_outcome(request) if request.model.state is not RequestState.PENDING else None


def _tone(request: RequestView, question: Question) -> Tone:
    if not question.is_open:
        return Tone.DONE
    is_pending = request.model.state is RequestState.PENDING
    return Tone.ATTENTION if is_pending else states.REQUEST_TONES[request.model.state]
