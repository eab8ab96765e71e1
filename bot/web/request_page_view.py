"""The page of a whole request, pure: what was asked, what people did about it, its copies, and its place in the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.presentation import characters, copies, expiry, progress, request_outcome, states, undo
from bot.presentation.story import Names
from bot.web import outcome, review_view, run_page_view
from bot.web.outcome import Outcome
from bot.web.review_view import Review
from bot.web.run_page_view import TimelineGate
from engine.access import Reader, may_change_run, may_see_request
from engine.domain import CardField, DeliveryKind, Phrase, RequestState, Tone
from engine.read_models import DeliveryView, RequestView, RunView
from engine.story_entries import StoryEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRow:
    """A copy: who it is for, what became of it. `can_retry`: the reader may have it sent at once."""

    id: str
    receiver: str
    kind: str
    tone: Tone
    headline: str
    explanation: Phrase
    can_retry: bool
    retry_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitedStep:
    """A step of the run around the request. `is_here`: the request is about it."""

    label: str
    status: str
    tone: Tone | None
    is_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPage:
    """A request as its page shows it. `verdicts`: who approved, changed or rejected it, the oldest first."""

    request: RequestView
    review: Review
    tone: Tone
    headline: str
    lead: tuple[Phrase, ...]
    deadline: Phrase
    outcome: Outcome | None
    since: Phrase
    changes: tuple[CardField, ...]
    verdicts: tuple[Phrase, ...]
    copies: tuple[CopyRow, ...]
    history: tuple[Phrase, ...]
    run_state: str
    steps: tuple[VisitedStep, ...]
    others: tuple[TimelineGate, ...]
    """The other requests of the run that the reader may see, the oldest first."""
    can_decide: bool
    can_undo: bool
    is_erased: bool


def request_page(
    request: RequestView,
    run: RunView,
    together: Sequence[RequestView],
    sent: Sequence[DeliveryView],
    entries: Sequence[StoryEntry],
    reader: Reader,
) -> RequestPage:
    """Return the page. `together`: all requests of the run; `entries`: its audit log."""
    person, is_open = reader.person, request.model.state is RequestState.PENDING
    review = review_view.review(request, run, reader=person)
    own = [entry for entry in entries if entry.request == request.id]
    return RequestPage(
        request=request,
        review=review,
        tone=request_outcome.tone(request),
        headline=request_outcome.headline(request),
        lead=review.card.lead,
        deadline=expiry.of_card(review.card),
        outcome=None if is_open else outcome.outcome(request, person),
        since=() if is_open else outcome.since(request, person),
        changes=tuple(field for field in review.content if field.before is not None),
        verdicts=tuple(_verdicts(request)),
        copies=tuple(_copies(sent, request, can_change=may_change_run(reader, run))),
        history=tuple(run_page_view.sentences(own, Names.of_run(run, together, sent))),
        run_state=states.run_clause_about(request),
        steps=tuple(_steps(run, request)),
        others=tuple(_others(together, request, reader)),
        can_decide=is_open and progress.is_asked(request, person),
        can_undo=undo.may_undo(request, person),
        is_erased=run.is_erased,
    )


def _verdicts(request: RequestView) -> Iterator[Phrase]:
    """Yield each approval of the newest content, and the decision."""
    decision, votes = request.decision, request.model.votes
    for vote in votes:
        yield (f"{characters.line(vote.person.label)} approved it, ", vote.at, *_reason(vote.reason))
    if decision is not None and all(vote.at != decision.decided_at for vote in votes):
        verb = "pressed" if request.model.subject.is_form else "chose"
        chosen = f"{characters.line(decision.person.label)} {verb} “{characters.line(decision.verdict)}”, "
        yield (chosen, decision.decided_at, *_reason(decision.reason))


def _reason(reason: str | None) -> Phrase:
    return (f". Reason: {characters.visible(reason)}",) if reason else (".",)


def _copies(sent: Sequence[DeliveryView], request: RequestView, *, can_change: bool) -> Iterator[CopyRow]:
    for copy in sent:
        if copy.kind is not DeliveryKind.CODE:
            yield CopyRow(
                id=copy.id,
                receiver=copies.receiver(copy),
                kind=copies.kind(copy),
                tone=copies.tone(copy),
                headline=copies.headline(copy),
                explanation=copies.explanation(copy),
                can_retry=can_change and copies.can_be_retried(copy, request.model.state),
                retry_label=copies.retry_label(copy),
            )


def _others(together: Sequence[RequestView], request: RequestView, reader: Reader) -> Iterator[TimelineGate]:
    for other in together:
        if other.id != request.id and may_see_request(reader, other):
            yield run_page_view.gate(other, is_seen=True)


def _steps(run: RunView, request: RequestView) -> Iterator[VisitedStep]:
    subject = request.model.subject
    for step in run.steps:
        visit = f" (visit {step.visit})" if step.visit > 1 else ""
        yield VisitedStep(
            label=f"{characters.line(step.label)}{visit}",
            status=states.STEPS[step.status],
            tone=run_page_view.tone(step.status),
            is_here=(step.step, step.visit) == (subject.step, subject.visit),
        )
