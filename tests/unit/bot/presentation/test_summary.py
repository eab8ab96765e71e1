"""Requests of one workflow can be told apart in a list and in the subjects of emails."""

from __future__ import annotations

from datetime import timedelta

from bot.presentation import summary
from engine.domain import CardField
from tests.support import samples


def make_field(text: str, field_type: str = "text") -> CardField:
    return CardField(path="x", label="X", type=field_type, text=text)


VALUES = (make_field("Train to Bonn"), make_field("84.50 EUR", "money"), make_field("2026-03-02", "date"))


def test_a_question_without_a_value_gets_the_first_two() -> None:
    assert summary.question("Pay back this expense?", VALUES) == "Pay back this expense? · Train to Bonn · 84.50 EUR"


def test_a_question_with_a_value_stays_as_it_is() -> None:
    assert summary.question("Refund 84.50 EUR?", VALUES) == "Refund 84.50 EUR?"


def test_long_texts_and_booleans_are_left_out() -> None:
    values = (
        make_field("x" * 41),
        make_field("two\nlines"),
        make_field("yes", "boolean"),
        make_field("7", "integer"),
        make_field("VIP"),
    )
    assert summary.key_values("Pay?", values) == ("VIP",)


def test_an_equal_value_is_shown_once() -> None:
    assert summary.key_values("Pay?", (make_field("same"), make_field("same"))) == ("same",)


def test_a_list_says_how_many_requests_are_waiting() -> None:
    assert summary.waiting(0) == "No request is waiting for you"
    assert summary.waiting(1) == "1 request is waiting for you"
    assert summary.waiting(1_200) == "1,200 requests are waiting for you"


def test_requests_are_in_the_order_in_which_they_expire() -> None:
    requests = [
        samples.request(id="never", expires_at=None),
        samples.request(id="later", expires_at=samples.NOW + timedelta(days=2)),
        samples.request(id="not started", expires_at=None, expires_after=timedelta(days=1)),
        samples.request(id="second", expires_at=samples.NOW),
        samples.request(id="first", expires_at=samples.NOW),
        samples.request(id="newer, never", expires_at=None, opened_at=samples.NOW + timedelta(hours=1)),
    ]
    ordered = [request.id for request in summary.by_deadline(requests)]
    assert ordered == ["first", "second", "not started", "later", "never", "newer, never"]
