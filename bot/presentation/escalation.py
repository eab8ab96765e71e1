"""The wording of an escalation: who is asked, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.presentation import expiry, people
from bot.presentation.characters import line
from engine.domain import Approver, CardFact, Person, Phrase, RequestState
from engine.read_models import RequestView


def happened(request: RequestView, reader: Person | None = None) -> Phrase:
    """Return who was asked by the escalation of a request, the reader first, and when, or nothing."""
    at, backups = request.model.deadlines.escalated_at, [row for row in request.approvers if row.is_backup]
    return (f"to {_names(backups, reader)}, ", at) if at is not None and backups else ()


def facts(request: RequestView) -> Iterator[CardFact]:
    """Yield who was asked by an escalation, or who will be if there is no decision in time."""
    escalated = happened(request)
    if escalated:
        yield CardFact(label="Escalated", text=escalated)
    elif request.model.state is RequestState.PENDING and request.model.backups:
        yield CardFact(label="Escalates", text=_planned(request))


def _planned(request: RequestView) -> Phrase:
    deadlines, to = request.model.deadlines, f"to {_names(request.model.backups)}"
    if deadlines.asks_backups_at is not None:
        return f"{to}, ", deadlines.asks_backups_at
    after = deadlines.escalate_after or deadlines.expires_after
    assert after is not None
    return (f"{to} after {expiry.span(after, working=deadlines.hours is not None)} without a decision",)


def _names(backups: Sequence[Approver], reader: Person | None = None) -> str:
    others = [line(row.person.label) for row in backups if reader is None or row.person.id != reader.id]
    return people.joined(["you", *others] if len(others) < len(backups) else others, "and")
