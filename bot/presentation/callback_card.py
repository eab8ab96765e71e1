"""The call that tells a program what became of its ask. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, cast

from bot.presentation.characters import line
from bot.presentation.dates import iso
from engine import json_values
from engine.domain import CallbackCall, Card, DeliveryKind
from engine.domain.asks import AskView
from engine.json_values import Value
from engine.notices import CallbackNotice
from engine.retry import CALLBACK_PATIENCE


@dataclass(frozen=True, slots=True)
class CallbackBody:
    """The id of a call, the same each time that it is sent, and its body as JSON. `patience`: how long it is tried."""

    id: str
    text: str
    patience: timedelta = CALLBACK_PATIENCE


WriteBody: TypeAlias = Callable[[CallbackNotice], CallbackBody]
"""Returns the body of a callback in the form of one protocol."""
WriteAsk: TypeAlias = Callable[[AskView], Mapping[str, object]]
"""Returns an ask as programs read it."""


def callback_card(notice: CallbackNotice, bodies: Mapping[str, WriteBody]) -> Card:
    """Return the card with the call. `bodies`: what writes the body, by the protocol of the endpoint."""
    target, body = notice.target, bodies[notice.target.protocol](notice)
    return Card(
        kind=DeliveryKind.CALLBACK,
        title=line(notice.ask.title),
        run=notice.ask.id,
        topic=notice.event.value,
        callback=CallbackCall(
            id=body.id, url=target.url, secrets=target.secrets, body=body.text, patience=body.patience
        ),
    )


def writes_asks(write: WriteAsk) -> WriteBody:
    """Return what writes the body of our own protocol: the event, and the ask as it is now."""

    def body(notice: CallbackNotice) -> CallbackBody:
        value: Value = {
            "type": notice.event.value,
            "id": notice.delivery,
            "timestamp": iso(notice.at),
            "data": cast("dict[str, Value]", write(notice.ask)),
        }
        return CallbackBody(notice.delivery, json_values.dumps(value))

    return body
