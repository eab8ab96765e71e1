"""The card that reminds a person of a request, or of several that wait for them. Pure."""

from __future__ import annotations

from dataclasses import replace

from bot.presentation import expiry, people, questions, summary
from bot.presentation.request_card import request_card
from engine.domain import Card, CardFact, DeliveryKind
from engine.read_models import DeliveryContent, RequestView


def reminder_card(copy: DeliveryContent) -> Card:
    """Return the card of a reminder: the request itself if it is the only one, else a list of all."""
    if len(copy.waiting) <= 1:
        assert copy.request is not None
        return replace(request_card(copy.request, copy.person), kind=DeliveryKind.REMINDER)
    return _list(copy, summary.by_deadline(copy.waiting))


def _list(copy: DeliveryContent, requests: list[RequestView]) -> Card:
    count = max(copy.waiting_in_all, len(requests))
    more = count - len(requests)
    return Card(
        kind=DeliveryKind.REMINDER,
        topic=copy.topic,
        title=summary.waiting(count),
        lead=((_more(more),),) if more else (),
        notes=tuple(_fact(request) for request in requests),
        reminds=tuple(request_card(request, copy.person) for request in requests),
    )


def _more(count: int) -> str:
    return f"{count} more {'is' if count == 1 else 'are'} in your inbox. In Slack it is the Home tab."


def _fact(request: RequestView) -> CardFact:
    due = expiry.of_deadlines(request.model.deadlines)
    ending = (" ", *due, ".") if due else ()
    return CardFact(label=questions.of_request(request), text=(people.asks(request), *ending))
