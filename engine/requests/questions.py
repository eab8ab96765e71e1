"""The rules of questions: who may ask before deciding, who may answer, and what that does to the deadlines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from msgspec.structs import replace

from engine import json_values
from engine.domain import (
    AlreadyAnswered,
    AnswerQuestion,
    Approver,
    AskQuestion,
    CannotAnswer,
    CannotAsk,
    NoAnswerNeeded,
    NotAsked,
    Person,
    QuestionRule,
    Refusal,
    RequestState,
)
from engine.requests.deadlines import Deadlines, Zones
from engine.requests.decision import check_open, check_person, no_approver
from engine.requests.identification import check_assurance
from engine.requests.model import Question, Request

QUESTION_LENGTH: Final = 3000
"""Maximum length of a question and of an answer, in characters."""
MAX_OPEN: Final = 20
"""Maximum number of questions about one request that wait for an answer."""


_QUESTION_TOPIC: Final = "question:"
_ANSWER_TOPIC: Final = "answer:"
_SHARED_ANSWER_TOPIC: Final = "shared_answer:"


def question_topic(question: str) -> str:
    """Return the topic of the message that asks a question."""
    return f"{_QUESTION_TOPIC}{question}"


def answer_topic(question: str) -> str:
    """Return the topic of the message that tells the answer to the person who asked."""
    return f"{_ANSWER_TOPIC}{question}"


def shared_answer_topic(question: str) -> str:
    """Return the topic of the message that tells the answer to all who share a copy of the request."""
    return f"{_SHARED_ANSWER_TOPIC}{question}"


def question_of(topic: str | None, asked: Sequence[Question]) -> Question | None:
    """Return the question that a message with this topic is about, or None if it is about something else."""
    named = topic.partition(":")[2] if topic is not None and is_about_one(topic) else None
    return next((question for question in asked if question.id == named), None)


def is_about_one(topic: str | None) -> bool:
    """Return whether the message with this topic asks a question or tells its answer."""
    return topic is not None and topic.startswith((_QUESTION_TOPIC, _ANSWER_TOPIC, _SHARED_ANSWER_TOPIC))


def is_shared_answer(topic: str | None) -> bool:
    """Return whether the message with this topic tells an answer to all who share a copy of the request."""
    return topic is not None and topic.startswith(_SHARED_ANSWER_TOPIC)


def tells_answer(topic: str | None) -> bool:
    """Return whether the message with this topic tells an answer to the approver who asked."""
    return topic is not None and topic.startswith(_ANSWER_TOPIC)


def asks(topic: str | None) -> bool:
    """Return whether the message with this topic asks a question."""
    return topic is not None and topic.startswith(_QUESTION_TOPIC)


def check_asker(request: Request, command: AskQuestion, person: Person | None, now: datetime) -> Approver | Refusal:
    """Return the approver who asks, or why they cannot. Who has approved already may ask as well."""
    approver = next((row for row in request.approvers if person and row.person.id == person.id), None)
    if approver is None:
        return no_approver(request, command.actor, person)
    return (
        check_open(request, approver.person, now)
        or check_person(request, approver)
        or _check_text(request, command.text)
        or check_assurance(request, command)
        or approver
    )


def _check_text(request: Request, text: str) -> Refusal | None:
    if request.question_rule is QuestionRule.OFF:
        return CannotAsk(why="off")
    if sum(question.is_open for question in request.questions) >= MAX_OPEN:
        return CannotAsk(why="too_many")
    why = _wrong_length(text)
    return CannotAsk(why=why) if why else None


def ask(
    request: Request, approver: Approver, to: Person, text: str, *, question: str, now: datetime
) -> Question | Refusal:
    """Return the question with the id `question`, or the same one if it waits for its answer already."""
    if to.id == approver.person.id:
        return CannotAsk(why="yourself")
    cleaned = _clean(text)
    for asked in request.questions:
        if asked.is_open and (asked.asked_by.id, asked.asked_to.id, asked.text) == (approver.person.id, to.id, cleaned):
            return asked
    return Question(id=question, asked_by=approver.person, asked_to=to, text=cleaned, asked_at=now)


def answer(request: Request, command: AnswerQuestion, person: Person | None, now: datetime) -> Question | Refusal:
    """Return the question with its answer, or the refusal. Only the person who is asked answers."""
    question = _question_for(request, command.question, person)
    if isinstance(question, Refusal):
        return question
    assert person is not None
    if question.answered_at is not None and question.answered_by is not None:
        by_you = question.answered_by.id == person.id
        return AlreadyAnswered(by=question.answered_by.label, by_you=by_you, at=question.answered_at)
    why = _wrong_length(command.text)
    wrong = CannotAnswer(why=why) if why else None
    # Every person can be asked, also one who has no account to sign in with.
    has_account = person.account is not None
    refusal = _check_needed(request, now) or wrong or check_assurance(request, command, has_account=has_account)
    if refusal is not None:
        return refusal
    return replace(question, answer=_clean(command.text), answered_by=person, answered_at=now)


def _question_for(request: Request, named: str | None, person: Person | None) -> Question | Refusal:
    """Return the question that this person may answer: the one that is named, or the oldest that waits for them."""
    if named is not None:
        question = next((asked for asked in request.questions if asked.id == named), None)
        if question is None:
            return NotAsked(asked=None)
        is_asked = person is not None and question.asked_to.id == person.id
        return question if is_asked else NotAsked(asked=question.asked_to.label)
    own = [asked for asked in request.questions if person is not None and asked.asked_to.id == person.id]
    waiting = [asked for asked in own if asked.is_open]
    return next(iter([*waiting, *own[-1:]]), NotAsked(asked=None))


def _check_needed(request: Request, now: datetime) -> Refusal | None:
    """Check that the request still waits: an answer to a closed one would be read by no one."""
    if request.state is not RequestState.PENDING:
        assert request.closed_at is not None
        by = request.closed_by.label if request.closed_by is not None else None
        return NoAnswerNeeded(
            state=request.state, by=by, at=request.closed_at, about_failure=request.subject.is_failure
        )
    expires_at = request.deadlines.expires_at
    if expires_at is not None and request.deadlines.is_past_due(now):
        return NoAnswerNeeded(state=RequestState.EXPIRED, by=None, at=expires_at)
    return None


def after_asking(request: Request, now: datetime) -> Deadlines:
    """Return the deadlines of a request after a question about it."""
    pauses = request.question_rule is QuestionRule.PAUSE
    return request.deadlines.after_pausing(now) if pauses else request.deadlines


def after_answering(request: Request, answered: Question, now: datetime, zones: Zones = ()) -> Deadlines:
    """Return the deadlines of a request after an answer: they go on once no question is open."""
    others = [question for question in request.questions if question.is_open and question.id != answered.id]
    return request.deadlines if others else request.deadlines.after_resuming(now, zones)


def waiting_for(questions: Sequence[Question], person: str) -> Question | None:
    """Return the oldest question that waits for this person, or None."""
    return next(iter(all_waiting_for(questions, person)), None)


def all_waiting_for(questions: Sequence[Question], person: str) -> list[Question]:
    """Return the questions that wait for this person, the oldest first."""
    return [asked for asked in questions if asked.is_open and asked.asked_to.id == person]


def _wrong_length(text: str) -> Literal["empty", "too_long"] | None:
    cleaned = _clean(text)
    return "empty" if not cleaned else "too_long" if len(cleaned) > QUESTION_LENGTH else None


def _clean(text: str) -> str:
    return json_values.clean_text(text).replace("\r\n", "\n").strip()
