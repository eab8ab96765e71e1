"""The card of a copy, pure: the texts that every channel shows. Channels only arrange it.

What comes from data is shown as it is, with invisible and direction-changing characters made visible, so that a
text cannot look like another than the one that is approved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from bot.presentation.alert_card import alert_card
from bot.presentation.callback_card import WriteBody, callback_card
from bot.presentation.code_card import code_card
from bot.presentation.outcome_card import outcome_card
from bot.presentation.owner_card import owner_card
from bot.presentation.question_card import question_card
from bot.presentation.reminder_card import reminder_card
from bot.presentation.request_card import request_card, with_page
from bot.presentation.trigger_card import trigger_card
from engine.code_delivery import CodeDelivery
from engine.domain import SHARED, Card, DeliveryKind
from engine.notices import CallbackNotice, OwnerNotice, TriggerNotice
from engine.read_models import DeliveryContent

Content: TypeAlias = DeliveryContent | CodeDelivery | TriggerNotice | OwnerNotice | CallbackNotice
"""What a copy is about."""
_NO_BODIES: Final[Mapping[str, WriteBody]] = {}


def card(copy: Content, bodies: Mapping[str, WriteBody] = _NO_BODIES) -> Card:
    """Return the card of a copy, from the current state, for the person who gets it.

    `bodies`: what writes the body of a callback, by protocol.
    """
    if isinstance(copy, CallbackNotice):
        return callback_card(copy, bodies)
    below = copy.below if isinstance(copy, DeliveryContent) else None
    return replace(_card(copy), zone=copy.person.zone, below=below)


def with_pages(
    page_of: Callable[[str], str] | None, bodies: Mapping[str, WriteBody] = _NO_BODIES
) -> Callable[[Content], Card]:
    """Return what does the same as `card`, with the address of the page of each request that needs one."""
    return lambda copy: with_page(card(copy, bodies), page_of)


def _card(copy: DeliveryContent | CodeDelivery | TriggerNotice | OwnerNotice) -> Card:
    if isinstance(copy, CodeDelivery):
        return code_card(copy)
    if isinstance(copy, TriggerNotice):
        return trigger_card(copy)
    if isinstance(copy, OwnerNotice):
        return owner_card(copy)
    if copy.kind is DeliveryKind.ALERT and copy.request is not None and copy.question is not None:
        return question_card(copy, copy.request, copy.question)
    if copy.kind is DeliveryKind.ALERT:
        return alert_card(copy)
    if copy.kind is DeliveryKind.OUTCOME:
        return outcome_card(copy)
    if copy.kind is DeliveryKind.REMINDER:
        return reminder_card(copy)
    assert copy.request is not None
    if copy.topic == SHARED:
        return request_card(copy.request, shared=True)
    return request_card(copy.request, copy.person)
