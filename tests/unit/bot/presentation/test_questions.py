"""A request and a run are told from others by what they are about."""

from __future__ import annotations

from bot.presentation import questions
from tests.support import samples


def test_a_request_is_named_by_its_question_and_the_values_that_tell_it_from_others() -> None:
    request = samples.request(
        {"order": ("text", "A-1007"), "note": ("long_text", "two\nlines"), "paid": ("boolean", True)}
    )
    assert questions.of_request(request) == "Pay it back? · A-1007"


def test_a_run_is_named_by_its_latest_request() -> None:
    request = samples.request({"order": ("text", "A-1007")}, title="Refund A-1007?")
    assert questions.of_run(samples.run(inputs={"order": "A-1007"}), request) == "Refund A-1007?"


def test_a_run_that_asked_no_one_is_named_by_its_inputs() -> None:
    inputs = {"who": "U012AB3CD", "order": "A-1007", "amount": {"amount": "40.00", "currency": "EUR"}, "vip": True}
    assert questions.of_run(samples.run(inputs=inputs), None) == "A-1007 · 40.00 EUR"
    assert questions.of_run(samples.run(), None) == ""
