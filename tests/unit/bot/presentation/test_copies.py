"""What became of a copy, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.presentation import copies
from engine.domain import DIGEST, HELD, SHARED, DeliveryKind, DeliveryState, Person, RequestState, Tone
from engine.read_models import DeliveryView
from tests.support.copies import replace_fields
from tests.support.samples import NOW

LATER = NOW + timedelta(minutes=5)


def make(**changes: Any) -> DeliveryView:
    base = DeliveryView(
        id="d1",
        kind=DeliveryKind.REQUEST,
        topic=None,
        state=DeliveryState.SHOWN,
        person=Person("p1", "Ada\nL."),
        channel="email",
        address="ada@example.com",
        attempts=0,
        wanted_version=1,
        shown_version=1,
        last_error=None,
        next_at=None,
        shown_at=NOW,
    )
    return replace_fields(base, **changes)


FAILED: dict[str, Any] = {"state": DeliveryState.DUE, "shown_version": 0, "shown_at": None, "last_error": "It is busy"}
DEAD: dict[str, Any] = {**FAILED, "state": DeliveryState.DEAD}


@pytest.mark.parametrize(
    ("changes", "receiver"),
    [
        ({}, "Ada L., by email"),
        ({"channel": "slack"}, "Ada L., in Slack"),
        ({"channel": "pigeons"}, "Ada L., by pigeons"),
        ({"channel": "none"}, "Ada L."),
        ({"channel": "slack", "topic": SHARED, "address": "C1"}, "C1, in Slack"),
        ({"channel": "slack", "topic": "shared_answer:q1", "address": "C1"}, "C1, in Slack"),
    ],
)
def test_a_copy_names_its_receiver_and_its_way(changes: dict[str, Any], receiver: str) -> None:
    copy = make(**changes)
    assert copies.receiver(copy).replace("⟦U+000A⟧", " ").replace("  ", " ") == receiver
    assert "\n" not in copies.receiver(copy)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, ""),
        ({"kind": DeliveryKind.REMINDER}, "reminder"),
        ({"kind": DeliveryKind.ALERT, "topic": "question:q1"}, "question"),
        ({"kind": DeliveryKind.ALERT, "topic": "answer:q1"}, "answer"),
        ({"kind": DeliveryKind.ALERT, "topic": "unreachable"}, "notice"),
    ],
)
def test_a_message_that_is_no_copy_says_what_it_is(changes: dict[str, Any], kind: str) -> None:
    assert copies.kind(make(**changes)) == kind


@pytest.mark.parametrize(
    ("changes", "tone", "headline", "explanation"),
    [
        ({}, Tone.DONE, "Delivered", ("Last shown ", NOW, ". ")),
        ({"shown_version": 3}, Tone.DONE, "Updated", ("Last shown ", NOW, ". ")),
        ({"state": DeliveryState.DUE, "shown_version": 0, "shown_at": None}, Tone.WAITING, "On its way", ()),
        (
            {"state": DeliveryState.SKIPPED, "shown_version": 0},
            Tone.CANCELLED,
            "Not needed",
            ("The request was closed before it was sent.",),
        ),
        (
            {**FAILED, "next_at": LATER},
            Tone.ATTENTION,
            "Failed",
            ("It is busy. ", "The next try is ", LATER, "."),
        ),
        (FAILED, Tone.ATTENTION, "Failed", ("It is busy. ",)),
        (DEAD, Tone.FAILED, "Not delivered", ("It is busy. It is not tried again by itself.",)),
        (
            {"last_error": "It is gone!", "next_at": LATER},
            Tone.ATTENTION,
            "Update failed",
            ("Last shown ", NOW, ". ", "It is gone! ", "The next try is ", LATER, "."),
        ),
        (
            {"last_error": "It is gone!", "state": DeliveryState.DEAD},
            Tone.FAILED,
            "Not updated",
            ("Last shown ", NOW, ". ", "It is gone! It is not tried again by itself."),
        ),
    ],
)
def test_a_copy_says_what_became_of_it(
    changes: dict[str, Any], tone: Tone, headline: str, explanation: tuple[object, ...]
) -> None:
    copy = make(**changes)
    assert (copies.tone(copy), copies.headline(copy), copies.explanation(copy)) == (tone, headline, explanation)


@pytest.mark.parametrize(
    ("changes", "state", "can"),
    [
        ({}, RequestState.PENDING, False),
        (FAILED, RequestState.PENDING, True),
        (DEAD, RequestState.PENDING, True),
        (DEAD, RequestState.APPROVED, False),
        ({**DEAD, "kind": DeliveryKind.OUTCOME}, RequestState.APPROVED, True),
        ({**DEAD, "shown_version": 1}, RequestState.APPROVED, True),
        ({**DEAD, "channel": "none"}, RequestState.PENDING, False),
        ({**DEAD, "kind": DeliveryKind.CODE}, RequestState.PENDING, False),
    ],
)
def test_a_copy_is_sent_again_only_where_that_helps(changes: dict[str, Any], state: RequestState, can: bool) -> None:
    assert copies.can_be_retried(make(**changes), state) is can


def test_a_copy_that_is_held_says_so_and_how_it_was_told() -> None:
    held = make(topic=HELD, state=DeliveryState.DUE, shown_version=0, shown_at=None)
    assert (copies.headline(held), copies.explanation(held)) == ("Held", ("This person chose to be told later.",))
    told = make(topic=HELD)
    assert (copies.headline(told), copies.explanation(told)) == ("Told in a digest", ("Last shown ", NOW, ". "))


def test_a_digest_says_when_it_comes() -> None:
    digest = make(kind=DeliveryKind.REMINDER, topic=DIGEST, state=DeliveryState.DUE, shown_version=0, shown_at=None)
    planned = replace_fields(digest, next_at=LATER)
    assert (copies.kind(planned), copies.headline(planned)) == ("digest", "On its way")
    assert copies.explanation(planned) == ("It comes ", LATER, ".")
    assert copies.explanation(replace_fields(digest, state=DeliveryState.SKIPPED)) == ()


CALLBACK: dict[str, Any] = {
    "kind": DeliveryKind.CALLBACK,
    "channel": "callback",
    "address": "e1",
    "topic": "ask.decided",
    "person": Person("p2", "Support agent"),
}


def test_a_callback_names_its_program_and_its_event() -> None:
    copy = make(**CALLBACK)
    assert (copies.receiver(copy), copies.kind(copy)) == ("Support agent, as a callback", "callback ask.decided")
    assert copies.headline(copy) == "Delivered"
    removed = make(**CALLBACK, state=DeliveryState.SKIPPED, shown_version=0, shown_at=None)
    assert copies.explanation(removed) == ("Its endpoint was removed before it was sent.",)


@pytest.mark.parametrize(
    ("changes", "label"),
    [({}, "Send again"), (FAILED, "Retry now"), (DEAD, "Retry now"), ({"shown_version": 0, "next_at": NOW}, None)],
)
def test_a_callback_can_be_sent_again_whatever_became_of_it(changes: dict[str, Any], label: str | None) -> None:
    copy = make(**{**CALLBACK, **changes})
    for state in (RequestState.PENDING, RequestState.APPROVED):
        assert copies.can_be_retried(copy, state) is (label is not None)
    if label is not None:
        assert copies.retry_label(copy) == label
