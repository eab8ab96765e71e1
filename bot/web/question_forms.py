"""The forms on the page of a request for a question before deciding, and for its answer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.presentation import question_notes
from bot.presentation.characters import line, visible
from bot.web.service import ReviewVisit
from engine.domain import CardFact, FormDraft, RequestState
from engine.requests import QUESTION_LENGTH, Question
from engine.requests.questions import waiting_for

TEXT: Final = "question"
TO: Final = "question_to"
ANSWER: Final = "question_answer"
"""Names of the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedQuestion:
    """What was typed. `errors`: a sentence for each field that is wrong, by name."""

    text: str = ""
    to: str = ""
    answer: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    @property
    def to_copy(self) -> tuple[tuple[str, str], ...]:
        """The texts, for a page that has no fields for them any more."""
        rows = (("Your question", self.text), ("Your answer", self.answer))
        return tuple((label, visible(text)) for label, text in rows if text)

    def error(self, name: str) -> str:
        """Return the sentence below a field, or an empty text."""
        return dict(self.errors).get(name, "")


UNTYPED: Final = TypedQuestion()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionForms:
    """`may_ask`: whether the form for a question is there. `waiting`: the question that waits for the visitor."""

    may_ask: bool
    typed: TypedQuestion
    waiting: Question | None
    requester: str
    is_own: bool
    """Whether the visitor started the run, so that another person has to be asked."""
    longest: int = QUESTION_LENGTH

    @property
    def asker(self) -> str:
        return "" if self.waiting is None else line(self.waiting.asked_by.label)

    @property
    def text(self) -> str:
        return "" if self.waiting is None else visible(self.waiting.text)

    def others_of(self, notes: Sequence[CardFact]) -> list[CardFact]:
        """Return the notes without the question that waits for the visitor, which stands above its form."""
        own = None if self.waiting is None else question_notes.asked(self.waiting)
        return [note for note in notes if note != own]

    @property
    def is_open(self) -> bool:
        """Return whether the form for a question is unfolded: there is something in it."""
        return bool(self.typed.text or self.typed.to or self.typed.error(TEXT) or self.typed.error(TO))


def forms(visit: ReviewVisit, typed: TypedQuestion, *, may_ask: bool) -> QuestionForms:
    """Return the forms that a visitor gets."""
    request = visit.request
    is_pending = request.model.state is RequestState.PENDING
    return QuestionForms(
        may_ask=may_ask and visit.decides,
        typed=typed,
        waiting=waiting_for(request.model.questions, visit.person.id) if is_pending else None,
        requester=line(request.requester.label) if request.requester.is_human else "the owner of the workflow",
        is_own=visit.person.id == request.requester.id,
    )


def draft(visit: ReviewVisit, typed: TypedQuestion) -> FormDraft:
    """Return what was typed, to be kept while the person fetches a code."""
    values = {TEXT: (typed.text,), TO: (typed.to,), ANSWER: (typed.answer,)}
    request = visit.request
    return FormDraft(about=request.id, run=request.run, digest=request.model.digest, typed=values)


def is_draft(kept: FormDraft) -> bool:
    """Return whether a draft is a question or an answer, and not a decision."""
    return TEXT in kept.typed


def of_draft(kept: FormDraft) -> TypedQuestion:
    """Return what `draft` kept."""
    text, to, answer = ("".join(kept.typed.get(name, ())) for name in (TEXT, TO, ANSWER))
    return TypedQuestion(text=text, to=to, answer=answer)
