"""The card of a reminder and of a digest."""

from __future__ import annotations

from bot.presentation.reminder_card import reminder_card
from engine.domain import DIGEST, DeliveryKind
from engine.read_models import DeliveryContent
from tests.support import samples


def content(count: int, *, in_all: int) -> DeliveryContent:
    requests = tuple(samples.request() for _ in range(count))
    return DeliveryContent(
        delivery="d1",
        kind=DeliveryKind.REMINDER,
        topic=DIGEST,
        person=samples.PERSON,
        run=samples.run(),
        request=requests[0],
        waiting=requests,
        waiting_in_all=in_all,
    )


def test_a_list_says_how_many_more_the_inbox_has() -> None:
    card = reminder_card(content(2, in_all=2))
    assert (card.title, card.lead, card.topic, len(card.reminds)) == ("2 requests are waiting for you", (), DIGEST, 2)
    card = reminder_card(content(2, in_all=3))
    assert (card.title, card.lead) == (
        "3 requests are waiting for you",
        (("1 more is in your inbox. In Slack it is the Home tab.",),),
    )
    assert reminder_card(content(2, in_all=40)).lead == (("38 more are in your inbox. In Slack it is the Home tab.",),)


def test_a_list_of_one_is_the_request_itself() -> None:
    card = reminder_card(content(1, in_all=1))
    assert (card.kind, card.reminds) == (DeliveryKind.REMINDER, ())
    assert card.request is not None
