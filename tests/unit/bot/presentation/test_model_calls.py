"""The calls of language models in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.presentation import model_calls
from bot.presentation.dates import written
from engine.language_model import ModelCall

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALL = ModelCall(
    number=1,
    attempt=1,
    model="writer",
    max_tokens=100,
    asked_at=AT,
    answered_at=AT,
    input_tokens=1234,
    output_tokens=56,
    cost=Decimal("0.00214"),
)


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (None, "unknown"),
        (Decimal(0), "0.00 USD"),
        (Decimal("0.00214"), "0.0021 USD"),
        (Decimal("0.0000004"), "0.0000004 USD"),
        (Decimal("12"), "12.00 USD"),
        (Decimal("1.5"), "1.50 USD"),
    ],
)
def test_a_cost_is_shown_at_least_to_the_cent(cost: Decimal | None, text: str) -> None:
    assert model_calls.in_dollars(cost) == text


def test_a_call_says_what_it_used_and_several_what_they_used_together() -> None:
    (line,) = [written(phrase) for phrase in model_calls.lines((CALL,))]
    assert line.endswith(" writer answered. 1,234 tokens read, 56 written, cost 0.0021 USD.")
    lost = ModelCall(number=2, attempt=1, model="writer", max_tokens=100, asked_at=AT)
    refused = ModelCall(number=3, attempt=2, model="writer", max_tokens=100, asked_at=AT, problem="It is down.")
    lines = [written(phrase) for phrase in model_calls.lines((CALL, lost, refused))]
    assert lines[1].endswith(" writer was asked, and no answer is known.")
    assert lines[2].endswith(" writer gave no answer: It is down.")
    assert lines[3] == "All 3 calls: 1,234 tokens read, 56 written, cost 0.0021 USD."


def test_an_unused_answer_says_why() -> None:
    text = model_calls.outcome("writer", "subject is missing.", answered=True)
    assert text == "writer answered, and the answer was not used: subject is missing."
