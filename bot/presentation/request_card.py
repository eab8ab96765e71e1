"""The card of a request, with actions while it is pending and with its outcome afterwards. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from bot.presentation import (
    asks,
    attention,
    escalation,
    expiry,
    labels,
    oversight,
    people,
    progress,
    question_notes,
    questions,
    ratings,
    request_content,
    request_outcome,
    risk,
    summary,
    undo,
)
from bot.presentation.characters import line, sentence, stands_apart, visible
from engine.domain import (
    Card,
    CardAction,
    CardFact,
    DeliveryKind,
    Person,
    Phrase,
    QuestionRule,
    RequestState,
    ReviewPoint,
)
from engine.domain.ask_facts import REASON
from engine.read_models import RequestView
from engine.requests import ASK_FOR_CHANGES, by_name, clip
from engine.runs import items
from engine.workflowfile.step_kinds import FOREACH
from engine.workflowfile.workflow import SKIP

LONGEST_LEAD: Final = 200
"""Longest reason that stands in the line of context, in characters. A longer one is a note."""
_MODEL_NAME: Final = 60
"""Longest name of a model in the line of context, in characters."""
CONTEXT_LABELS: Final = {
    "reasoning": "Why",
    "data": "Made from",
    "impact": "If approved",
    "confidence": "Confidence",
}
"""The labels of what a gate says about a proposal, in the order in which people read them."""


def request_card(request: RequestView, reader: Person | None = None, *, shared: bool = False) -> Card:
    """Return the card of a request: with actions while it is pending, with its outcome afterwards.

    A `shared` one is for many readers: it mentions those who can decide.
    """
    model = request.model
    pending, values = model.state is RequestState.PENDING, request_content.values(request)
    actions = _actions(request, reader) if pending else ()
    return Card(
        kind=DeliveryKind.REQUEST,
        title=line(request.title),
        tone=request_outcome.tone(request),
        lead=tuple(_lead(request, reader, shared=shared)) if pending else (),
        values=values,
        notes=(*attention.notes(request, reader if actions and not shared else None), *_notes(request, reader)),
        outcome=None if pending else request_outcome.card_outcome(request, reader),
        approvers=tuple(people.approvers(request)),
        names_waiting=pending and not shared and progress.names_waiting(request, reader),
        mentions=tuple(people.accounts(model.tally.waiting)) if shared and pending else (),
        readers=tuple(filter(None, people.accounts(model.approvers))) if shared else (),
        is_form=model.subject.is_form,
        has_more_items=_items_left_out(request) > 0,
        requester=people.asker(request),
        question=questions.as_asked(request) if request.edits else summary.question(request.title, values),
        details=tuple(_details(request)),
        actions=actions,
        may_ask=bool(actions) and model.question_rule is not QuestionRule.OFF,
        may_rate=ratings.may_rate(request, reader),
        may_undo=undo.may_undo(request, reader),
        expires_at=model.deadlines.ends_at if pending else None,
        expires_after=model.deadlines.expires_after if pending and model.deadlines.ends_at is None else None,
        escalates=pending and expiry.escalates(model.deadlines),
        on_expiry=expiry.after(request) if pending else None,
        in_working_hours=model.deadlines.hours is not None,
        request=request.id,
        run=request.run,
        content_version=model.content_version,
        digest=model.digest,
    )


def with_page(card: Card, page_of: Callable[[str], str] | None) -> Card:
    """Return the card with the address of its page, if only that shows its files or all of its items.

    `page_of`: returns the address for a request.
    """
    needs_page = card.outcome is None and (card.has_more_items or any(field.files for field in card.values))
    return replace(card, page=page_of(card.request)) if needs_page and card.request and page_of is not None else card


def _lead(request: RequestView, reader: Person | None, *, shared: bool) -> Iterator[Phrase]:
    """Yield one line of context: who asks, why a person has to decide, and how far approvals have come.

    Channels add the deadline, and mention the people who can decide in a shared copy.
    """
    is_own = reader is not None and reader.id == request.requester.id and request.model.ask is None
    starter: Phrase = ("You started this." if is_own else people.asks(request),)
    why = [(sentence(line(request.reason)),)] if request.reason and not _is_apart(request) else []
    # What went wrong matters more than who started the run.
    yield from [*why, starter] if request.model.subject.is_failure else [starter, *why]
    if request.models:
        yield (f"Drafted by {people.joined(_model_names(request), 'and')}.",)
    if (successor := people.successor(request, reader)) is not None:
        yield (f"{successor} decides in your place.",)
    if predecessors := people.predecessors(request, reader):
        yield (f"You decide in the place of {people.joined(predecessors, 'and')}.",)
    yield from progress.sentences(request, reader, names_waiting=not shared)
    escalated = escalation.happened(request, reader)
    if escalated:
        yield ("Escalated ", *escalated, ".")
    yield from question_notes.pause(request)


def _is_apart(request: RequestView) -> bool:
    """Return whether the reason is a note: the words of a program never stand among ours."""
    facts, reason = request.model.ask, request.reason or ""
    return asks.is_claim(facts, REASON) or stands_apart(reason) or len(reason) > LONGEST_LEAD


def _notes(request: RequestView, reader: Person | None) -> Iterator[CardFact]:
    pending = request.model.state is RequestState.PENDING
    if request.reason and (_is_apart(request) or not pending):
        label = "What went wrong" if request.model.subject.is_failure else "Why it was asked"
        yield asks.reason(request.model.ask, CardFact(label=label, text=(visible(request.reason),)))
    if request.oversight is not None:
        yield from oversight.notes(request.oversight)
    if left := _items_left_out(request):
        count = f"{left:,} more item" if left == 1 else f"{left:,} more items"
        text = f"Your decision is about {count}, too. The page of this request shows all of them."
        yield CardFact(label="All items", text=(text,))
    yield from _asked_before(request)
    if request.asked_again is not None:
        yield CardFact(label="Asked again", text=(*undo.written(request.asked_again), "."))
    yield from risk.facts(request)
    if request.model.because:
        yield CardFact(label="Asked because", text=(sentence(line(request.model.because)),))
    yield from _context(request)
    yield from _changes(request)
    yield from question_notes.notes(request)
    for note in request.notes:
        if not _is_about(reader, note):
            yield CardFact(label="Please note", text=(visible(note),))
    if pending and request.unposted:
        yield CardFact(label="Not posted", text=(people.not_posted(request.unposted),))
    if pending and request.unreached:
        yield CardFact(label="Not reached", text=(people.not_reached(request),))


def _items_left_out(request: RequestView) -> int:
    return items.left_out(request.model.content) if request.model.subject.uses == FOREACH else 0


def _is_about(reader: Person | None, note: str) -> bool:
    """Return whether a note tells the others only how its reader is asked."""
    emails = [address.value for address in reader.addresses if address.kind == "email"] if reader is not None else []
    return note.casefold() in [people.asked_by_email(email).casefold() for email in emails]


def _context(request: RequestView) -> Iterator[CardFact]:
    """Yield what the gate says about the proposal: why, from what, what follows, and how sure it is."""
    context, facts = request.model.content.context, request.model.ask
    if facts is not None:
        yield from asks.risk(facts)
    for key, label in CONTEXT_LABELS.items():
        if key in context:
            text = visible(by_name(context[key], request.people))
            yield asks.claim(facts, key, CardFact(label=label, text=(text,), is_about=True))


def _model_names(request: RequestView) -> list[str]:
    """Return the names of the language models that drafted what this is about, each once."""
    return list(dict.fromkeys(clip(line(model), _MODEL_NAME) for _, model in request.models))


def _asked_before(request: RequestView) -> Iterator[CardFact]:
    """Yield what an approver of the version before asked for."""
    before = request.asked_to_change
    if before is not None:
        yield CardFact(
            label=f"{line(before.name)} asked for changes", text=(f"{visible(before.comment)} (", before.at, ")")
        )


def _changes(request: RequestView) -> Iterator[CardFact]:
    """Yield what people changed while approvals were missing, also if it did not count in the end."""
    state = request.model.state
    for change in request.model.changes if state in (RequestState.PENDING, RequestState.EXPIRED) else ():
        changed = people.joined([f"“{line(edit.label)}”" for edit in change.edits], "and")
        did_not_count = ". It was not approved, so it did not count." if state is RequestState.EXPIRED else "."
        yield CardFact(
            label="Changed", text=(f"{line(change.person.label)} changed {changed}, ", change.at, did_not_count)
        )


def _details(request: RequestView) -> Iterator[CardFact]:
    """Yield the technical facts: what approving runs, the values that only a builder reads, and where it came from."""
    for signature in request_outcome.signatures(request):
        yield CardFact(label="Signed by", text=signature)
    yield from progress.facts(request)
    yield from ratings.facts(request)
    if passed_on := people.passed_on(request):
        yield CardFact(label="Passed on", text=("; ".join(passed_on),))
    if request.oversight is not None:
        yield from oversight.facts(request.oversight)
    else:
        yield from _step_facts(request)
    yield CardFact(label="Started", text=(f"{people.starter(request.requester, begins=True)}, ", request.started_at))
    if request.left_out is not None:
        yield CardFact(label="Not asked", text=(f"{line(request.left_out)}, who started this",))
    yield CardFact(label="Run", text=(request.run,))
    yield CardFact(label="Request", text=(request.id,))
    yield CardFact(label="Fingerprint of the content", text=(request.model.digest,))


def _step_facts(request: RequestView) -> Iterator[CardFact]:
    """Yield what approving runs, who drafted it, and which workflow asks."""
    subject = request.model.subject
    step = line(labels.in_words(request.step_label or subject.step))
    if subject.is_failure:
        yield CardFact(label="What failed", text=(step,))
    elif request.model.ask is not None:
        yield from asks.details(request.model.ask)
    elif not subject.is_form:
        runs = "Approving runs" if "impact" in request.model.content.context else "If approved"
        label = runs if request.at is ReviewPoint.BEFORE else "Result of"
        yield CardFact(label=label, text=(step,))
    for label, model in request.models:
        yield CardFact(label="Drafted by", text=(f"{line(model)} ({line(label)})",))
    yield from request_content.technical_facts(request)
    yield CardFact(label="Step", text=(f"{line(subject.step)} ({subject.uses})",))
    yield from escalation.facts(request)
    version = f", version {request.workflow_version}" if request.workflow_version else ""
    yield CardFact(label="Workflow", text=(f"{line(request.workflow_title)}{version}",))


def _actions(request: RequestView, reader: Person | None) -> tuple[CardAction, ...]:
    """Return what a reader can do now. One who has approved may still reject, while others are missing.

    A copy that any person may read has all actions: a click is answered with why it was refused.
    """
    actions = _all_actions(request)
    if reader is None or not progress.is_approver(request, reader) or progress.is_asked(request, reader):
        return actions
    rejects = progress.may_only_reject(request, reader)
    return tuple(action for action in actions if rejects and action.verdict in ("revise", "reject"))


def _all_actions(request: RequestView) -> tuple[CardAction, ...]:
    confirm = line(request.confirm) if request.confirm else None
    reject = CardAction(verdict="reject", label=line(request.reject_label))
    offer = request.model.revision
    revise = (CardAction(verdict="revise", label=ASK_FOR_CHANGES),) if offer is not None and offer.left else ()
    if request.model.subject.is_form:
        return CardAction(verdict="edit", label="Fill in", primary=True), *revise, reject
    skip = (CardAction(verdict="skip", label=SKIP),) if request.model.subject.is_failure else ()
    edit = (CardAction(verdict="edit", label="Edit"),) if request.model.editable else ()
    return (
        CardAction(verdict="approve", label=line(request.approve_label), confirm=confirm, primary=True),
        *edit,
        *revise,
        *skip,
        reject,
    )
