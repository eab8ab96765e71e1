"""Requests of one workflow can be told apart in a list and in the subjects of emails."""

from __future__ import annotations

from bot.presentation import summary
from engine.domain import CardField


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
