"""A request among several that a person is about to decide together, pure: what it is about, or why it is left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.presentation import expiry, inbox_rows, refusals, request_card
from bot.presentation.inbox_rows import InboxRow
from bot.web import inbox_view
from engine.access import Reader
from engine.domain import Card, Phrase
from engine.read_models import RequestView
from engine.requests.decision import together_refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedRequest:
    """`why`: why it is left out, or nothing. `has_changed`: since the list was shown in which it was chosen."""

    row: InboxRow
    card: Card
    deadline: Phrase
    seen: str
    why: Phrase
    has_changed: bool


def picked(request: RequestView, reader: Reader, seen: str, now: datetime) -> PickedRequest:
    """Return a request that was chosen in a list. `seen`: the content that the list showed."""
    refusal = together_refusal(request.model, reader.person, now)
    card = request_card.request_card(request, reader.person)
    return PickedRequest(
        row=inbox_rows.row(request, reader.person),
        card=card,
        deadline=expiry.of_card(card),
        seen=inbox_view.seen(request),
        why=refusals.phrase(refusal) if refusal is not None else (),
        has_changed=seen != inbox_view.seen(request),
    )
