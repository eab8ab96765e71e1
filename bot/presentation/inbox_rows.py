"""The row of a request in an inbox: its question, what is at stake, who asks, until when, and its outcome. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.presentation import asks, expiry, people, progress, refusals, request_content, request_outcome, states, undo
from bot.presentation.characters import line
from engine import requests
from engine.domain import CardField, Person, Phrase, RequestState, Tone
from engine.domain.ask_facts import TITLE
from engine.fields import FieldType
from engine.read_models import RequestView
from engine.requests.decision import why_alone

MOST_STAKES: Final = 3
LONGEST: Final = 60
"""Longest value that stands in a row, in characters."""
LONGEST_REASON: Final = 160
"""Longest reason that stands in a row, in characters."""
_FIRST: Final = (FieldType.MONEY.value, FieldType.NUMBER.value, FieldType.INTEGER.value)
_OPAQUE: Final = frozenset({FieldType.JSON.value, FieldType.LONG_TEXT.value})
"""Types whose values are rarely read in one line. They stand in a row only if there is no other value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """One request in a list. All phrases are sentences with a full stop."""

    request: str
    question: str
    stakes: tuple[tuple[str, str], ...]
    """What the question does not say: up to three values with their labels, amounts of money first."""
    more: str
    """How many values a waiting request has beside these, or an empty text."""
    reason: str
    """Why a waiting request was asked, in one line, or an empty text."""
    workflow: str
    asked: Phrase
    due: Phrase
    """Until when it can be decided; nothing if it is closed or never expires."""
    progress: tuple[str, ...]
    """How many approvals a waiting request has, if it needs several, and who it waits for."""
    outcome: Phrase
    """What the reader did, and how a closed request ended."""
    became: Phrase
    """What became of the approved step, or nothing."""
    state: str
    tone: Tone
    is_open: bool
    may_undo: bool
    """Whether the reader may undo the approval."""
    alone: str
    """Why it cannot be decided together with others, or an empty text."""


def row(request: RequestView, reader: Person, *, names_waiting: bool = False) -> InboxRow:
    """Return the row of a request. `names_waiting`: whether it says who it waits for, other than the reader."""
    model = request.model
    is_open = model.state is RequestState.PENDING
    why = why_alone(model) if is_open else None
    return InboxRow(
        request=request.id,
        question=line(request.title),
        stakes=stakes(request),
        more=_more(request) if is_open else "",
        reason=requests.clip(line(request.reason or ""), LONGEST_REASON) if is_open else "",
        workflow=line(request.workflow_title),
        asked=_asked(request, reader),
        due=_due(request) if is_open else (),
        progress=tuple(_progress(request, reader, names_waiting=names_waiting)) if is_open else (),
        outcome=_outcome(request, reader),
        became=_became(request),
        state=request_outcome.headline(request) if not is_open else states.REQUESTS[model.state].capitalize(),
        tone=request_outcome.tone(request),
        is_open=is_open,
        may_undo=undo.may_undo(request, reader),
        alone=f"Decide this one separately: {refusals.ALONE[why]}." if why is not None else "",
    )


def stakes(request: RequestView) -> tuple[tuple[str, str], ...]:
    """Return the first values that the question does not say, each with its label; money comes first.

    Programs rarely declare the types of their arguments, so of these a number comes next.
    """
    values = _unsaid(request)
    short = [field for field in values if field.type not in _OPAQUE and len(field.text) <= LONGEST]
    first = _FIRST if request.model.ask is not None else _FIRST[:1]
    chosen = sorted(short, key=lambda field: first.index(field.type) if field.type in first else len(first))
    return tuple((field.label, _one_line(field)) for field in (chosen or values[:1])[:MOST_STAKES])


def _unsaid(request: RequestView) -> list[CardField]:
    """Return the values that the question does not say. What a program says in its title says none of them."""
    values = request_content.values(request)
    if asks.is_claim(request.model.ask, TITLE):
        return list(values)
    title = line(request.title)
    return [field for field in values if line(field.text).strip() not in title]


def _more(request: RequestView) -> str:
    """Return how many values a row leaves out, so that no one takes what it shows for all there is."""
    more = len(_unsaid(request)) - len(stakes(request))
    return f"{more} more {'value' if more == 1 else 'values'}" if more else ""


def _one_line(field: CardField) -> str:
    return requests.clip(line(field.text), LONGEST)


def _asked(request: RequestView, reader: Person) -> Phrase:
    if request.requester.id == reader.id:
        return "You started this ", request.started_at, "."
    opened_at, facts = request.model.deadlines.opened_at, request.model.ask
    if facts is not None:
        principal = f"for {line(facts.acts_for)} " if facts.acts_for else ""
        return f"{asks.program(facts.agent)} asked {principal}", opened_at, "."
    if request.requester.automation is not None:
        return f"Started by {people.starter(request.requester)} ", opened_at, "."
    return f"{line(request.requester.label)} asked ", opened_at, "."


def _due(request: RequestView) -> Phrase:
    due = expiry.of_deadlines(request.model.deadlines)
    return (*due, ".") if due else ()


def _progress(request: RequestView, reader: Person, *, names_waiting: bool) -> Iterator[str]:
    yield from progress.count(request)
    waiting = request.model.tally.waiting if names_waiting else ()
    if waiting:
        others = [line(approver.person.label) for approver in waiting if approver.person.id != reader.id]
        names = ["you", *others] if len(others) < len(waiting) else others
        yield f"Waiting for {people.joined(names, 'and' if request.model.tally.is_all_needed else 'or')}."


def _outcome(request: RequestView, reader: Person) -> Phrase:
    own = _own(request, reader)
    if request.model.state is RequestState.PENDING:
        return own
    ended = (*request_outcome.sentence(request, reader), ".")
    return (*own, " ", *ended) if own else ended


def _own(request: RequestView, reader: Person) -> Phrase:
    """Return what the reader did before the request ended, if the sentence about its end does not say so."""
    if request_outcome.has_decided(request, reader):
        return ()
    vote = request.model.tally.vote_of(reader.id)
    if vote is not None:
        return "You approved this ", vote.at, "."
    change = next((change for change in request.model.changes if change.person.id == reader.id), None)
    if change is not None:
        return "You changed this ", change.at, "."
    return ("You approved an earlier version of this.",) if reader.id in request.approved_before else ()


def _became(request: RequestView) -> Phrase:
    became = request_outcome.card_outcome(request).became
    if became:
        last = became[-1]
        return became if isinstance(last, str) and last.endswith((".", "!", "?", "…")) else (*became, ".")
    ended = request.model.state is RequestState.APPROVED and request.run_status.ended
    return (f"The run {states.RUN_CLAUSES[request.run_status]}.",) if ended else ()
