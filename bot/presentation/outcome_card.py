"""The card about the end of a run, for the person who started it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from bot.presentation import autonomy, expiry, people, questions, request_content, request_outcome, states
from bot.presentation.characters import line, visible
from engine.domain import Card, CardFact, CardField, DeliveryKind, Phrase, RequestState, RunStatus
from engine.read_models import DeliveryContent, RequestView, RunView

_LEAST_NAMED: Final = 3
_MOST_NAMED: Final = 60
"""Lengths between which a text in a title can be told to be the value of a field, in characters."""


def outcome_card(copy: DeliveryContent) -> Card:
    """Return the card that tells the requester how a run ended."""
    run = copy.run
    return Card(
        kind=DeliveryKind.OUTCOME,
        title=title(run, copy.request, run.status),
        tone=states.RUN_TONES[run.status],
        lead=tuple(_decision(run, copy.request)),
        values=changed_values(copy.request),
        notes=(*run_notes(run), *reason_notes(copy.request)),
        requester=people.starter(run.requester),
        details=tuple(run_details(run)),
        run=run.id,
        request=copy.request.id if copy.request is not None and was_asked(copy) else None,
        about=question_of_reader(copy),
    )


def was_asked(copy: DeliveryContent) -> bool:
    """Return whether the reader was asked to decide the request of a copy."""
    approvers = copy.request.approvers if copy.request is not None else ()
    return any(approver.person.id == copy.person.id for approver in approvers)


def question_of_reader(copy: DeliveryContent) -> str | None:
    """Return the question that the reader was asked, or None if other people were."""
    return questions.as_asked(copy.request) if copy.request is not None and was_asked(copy) else None


def run_notes(run: RunView) -> Iterator[CardFact]:
    """Yield the error of a run, and whether it went through a gate without review."""
    if run.error:
        yield CardFact(label="What went wrong", text=(visible(run.error),))
    if run.is_unreviewed:
        yield CardFact(label="Review", text=(f"{autonomy.NOT_REVIEWED.capitalize()}.",))


def title(run: RunView, request: RequestView | None, status: RunStatus) -> str:
    """Return how a run ended, and which one: by the question of its last request, or by its workflow."""
    words = states.run_end(status, run.error)
    asked = request if request is None or request.model.state is RequestState.PENDING else _settled(request)
    return f"{words[:1].upper()}{words[1:]}: {subject(run, asked)}"


def _settled(request: RequestView) -> RequestView:
    """Return a request that is closed with its question as a statement, and in it what was approved."""
    title = request.title.rstrip().removesuffix("?")
    is_approved = request.model.state is RequestState.APPROVED
    return replace(request, title=_with_approved(title, changed_values(request)) if is_approved else title)


def _with_approved(title: str, changed: Sequence[CardField]) -> str:
    """Return the title with the values in it as they were approved, each with the one that was asked about.

    A value is taken for that of a field if it is there once, and no other field had it. A short text or a plain number
    may be anything.
    """
    pairs = [(line(field.before or ""), line(field.text)) for field in changed]
    befores = Counter(before for before, _ in pairs)
    approved = {
        before: f"{after} (was {before})"
        for before, after in pairs
        if befores[before] == 1
        and _LEAST_NAMED <= len(before) <= _MOST_NAMED
        and len(after) <= _MOST_NAMED
        and not before.isdigit()
        and len(_mentions(before).findall(title)) == 1
    }
    if not approved:
        return title
    any_of = _mentions(*sorted(approved, key=len, reverse=True))
    return any_of.sub(lambda found: approved[found[0]], title)


def _mentions(*texts: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, texts))})(?!\w)")


def subject(run: RunView, request: RequestView | None) -> str:
    """Return one line that tells a run from others: by its last request, or by its workflow and its inputs."""
    if request is not None and not questions.is_over_failure(request):
        return questions.as_asked(request)
    return " · ".join(part for part in (line(run.workflow_title), questions.of_run(run, None)) if part)


def _decision(run: RunView, request: RequestView | None) -> Iterator[Phrase]:
    """Yield how the last request of a run was closed; of one that expired with its run, the title says that."""
    if request is None:
        return
    model = request.model
    if run.status is RunStatus.EXPIRED and model.state is RequestState.EXPIRED and model.closed_at is not None:
        yield f"{expiry.consequence(model.deadlines.on_expiry)}, ", model.closed_at, "."
    elif model.state is not RequestState.PENDING:
        if model.subject.is_failure:
            yield (f"{line(request.step_label or model.subject.step)} failed.",)
        yield (*request_outcome.ended(request), ".")


def reason_notes(request: RequestView | None) -> Iterator[CardFact]:
    """Yield the reason of the person who decided."""
    reason = request.decision.reason if request is not None and request.decision else None
    if reason:
        yield CardFact(label="Reason", text=(visible(reason),))


def run_details(run: RunView) -> Iterator[CardFact]:
    """Yield the technical facts of a run."""
    yield CardFact(label="Workflow", text=(f"{line(run.workflow_title)}, version {run.version}",))
    yield CardFact(label="Started", text=(f"{people.starter(run.requester, begins=True)}, ", run.started_at))
    yield CardFact(label="Run", text=(run.id,))


def changed_values(request: RequestView | None) -> tuple[CardField, ...]:
    """Return the values that the decision changed."""
    return tuple(field for field in request_content.labelled(request) if field.before is not None) if request else ()
