"""What became of each copy of a request: the person it is for, how it is sent, and why it did not arrive. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.presentation.characters import line, sentence, visible
from engine.domain import DIGEST, HELD, SHARED, DeliveryKind, DeliveryState, Phrase, RequestState, Tone
from engine.read_models import DeliveryView
from engine.requests import questions

_WAYS: Final[Mapping[str, str]] = {
    "slack": "in Slack",
    "email": "by email",
    "terminal": "in the terminal",
    "callback": "as a callback",
}
_KINDS: Final[Mapping[DeliveryKind, str]] = {
    DeliveryKind.REQUEST: "",
    DeliveryKind.REMINDER: "reminder",
    DeliveryKind.OUTCOME: "outcome",
    DeliveryKind.ALERT: "notice",
    DeliveryKind.NOTICE: "notice",
    DeliveryKind.CODE: "code",
    DeliveryKind.CALLBACK: "callback",
}
_NOWHERE: Final = "none"
"""The channel of a copy for a person that nothing reaches."""


def receiver(copy: DeliveryView) -> str:
    """Return who a copy is for and how it is sent, such as "Ada, by email". A shared one is for all at its place."""
    is_for_all = copy.topic == SHARED or questions.is_shared_answer(copy.topic)
    who = line(copy.address if is_for_all else copy.person.label)
    return who if copy.channel == _NOWHERE else f"{who}, {_WAYS.get(copy.channel, f'by {line(copy.channel)}')}"


def kind(copy: DeliveryView) -> str:
    """Return what the message is if it is no copy of the request itself, or an empty text."""
    if questions.asks(copy.topic):
        return "question"
    if copy.topic == DIGEST:
        return "digest"
    if copy.kind is DeliveryKind.CALLBACK:
        return f"callback {line(copy.topic or '')}".rstrip()
    return "answer" if questions.tells_answer(copy.topic) else _KINDS[copy.kind]


def tone(copy: DeliveryView) -> Tone:
    """Return the tone of what became of a copy."""
    if copy.state is DeliveryState.DEAD:
        return Tone.FAILED
    if copy.last_error is not None:
        return Tone.ATTENTION
    if copy.state is DeliveryState.SKIPPED:
        return Tone.CANCELLED
    return Tone.DONE if copy.state is DeliveryState.SHOWN else Tone.WAITING


def headline(copy: DeliveryView) -> str:
    """Return what became of a copy in a word or two."""
    was_shown = copy.shown_version > 0
    if copy.state is DeliveryState.DEAD:
        return "Not updated" if was_shown else "Not delivered"
    if copy.last_error is not None:
        return "Update failed" if was_shown else "Failed"
    if copy.state is DeliveryState.SKIPPED:
        return "Not needed"
    if copy.topic == HELD:
        return "Told in a digest" if copy.state is DeliveryState.SHOWN else "Held"
    if was_shown:
        return "Updated" if copy.shown_version > 1 else "Delivered"
    return "On its way"


def explanation(copy: DeliveryView) -> Phrase:
    """Return when a copy was shown, why it failed, and when it is tried again."""
    if copy.state is DeliveryState.SKIPPED and copy.kind is DeliveryKind.CALLBACK:
        return ("Its endpoint was removed before it was sent.",)
    if copy.state is DeliveryState.SKIPPED:
        return () if copy.topic == DIGEST else ("The request was closed before it was sent.",)
    if copy.state is DeliveryState.DUE and copy.topic == HELD:
        return ("This person chose to be told later.",)
    if copy.topic == DIGEST and copy.last_error is None and copy.next_at is not None:
        return "It comes ", copy.next_at, "."
    shown: Phrase = ("Last shown ", copy.shown_at, ". ") if copy.shown_at is not None else ()
    if copy.last_error is None:
        return shown
    why = sentence(visible(copy.last_error))
    if copy.state is DeliveryState.DEAD:
        return (*shown, f"{why} It is not tried again by itself.")
    return (*shown, f"{why} ", *(("The next try is ", copy.next_at, ".") if copy.next_at is not None else ()))


def retry_label(copy: DeliveryView) -> str:
    """Return the label of the button that sends a copy at once."""
    return "Retry now" if copy.last_error is not None or copy.kind is not DeliveryKind.CALLBACK else "Send again"


def can_be_retried(copy: DeliveryView, state: RequestState) -> bool:
    """Return whether it makes sense to send a copy at once. `state`: that of its request."""
    if copy.kind is DeliveryKind.CALLBACK:
        return copy.next_at is None or copy.last_error is not None
    if copy.channel == _NOWHERE or copy.last_error is None or copy.kind is DeliveryKind.CODE:
        return False
    was_shown = copy.shown_version > 0
    return state is RequestState.PENDING or was_shown or copy.kind is not DeliveryKind.REQUEST
