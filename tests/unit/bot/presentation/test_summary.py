"""Requests of one workflow can be told apart in a list and in the subjects of emails."""

from __future__ import annotations

from bot.presentation import summary
from engine.domain import CardField


def value(text: str, type: str = "text") -> CardField:
    return CardField(path="x", label="X", type=type, text=text)


VALUES = (value("Train to Bonn"), value("84.50 EUR", "money"), value("2026-03-02", "date"))


def test_a_question_without_a_value_gets_the_first_two() -> None:
    assert summary.question("Pay back this expense?", VALUES) == "Pay back this expense? · Train to Bonn · 84.50 EUR"


def test_a_question_with_a_value_stays_as_it_is() -> None:
    assert summary.question("Refund 84.50 EUR?", VALUES) == "Refund 84.50 EUR?"


def test_long_texts_and_answers_of_yes_and_no_tell_nothing() -> None:
    values = (value("x" * 41), value("two\nlines"), value("yes", "boolean"), value("7", "integer"), value("VIP"))
    assert summary.key_values("Pay?", values) == ("VIP",)


def test_a_value_stands_once() -> None:
    assert summary.key_values("Pay?", (value("same"), value("same"))) == ("same",)
