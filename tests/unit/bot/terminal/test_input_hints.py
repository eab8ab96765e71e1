"""The question for a field says what may be typed."""

from __future__ import annotations

from typing import Any

import pytest

from bot.terminal import input_hints
from engine.fields import Field


@pytest.mark.parametrize(
    ("declared", "question"),
    [
        ({"type": "text"}, "Name"),
        ({"type": "money"}, "Name (like 12.50 EUR)"),
        ({"type": "money", "currency": "USD"}, "Name (like 12.50 USD)"),
        ({"type": "boolean"}, "Name (yes or no)"),
        ({"type": "date"}, "Name (like 2026-03-01)"),
        ({"type": "choice", "options": ["red", {"value": "b", "label": "Blue"}]}, "Name (one of: red, Blue)"),
        ({"type": "choices", "options": ["red", "blue"]}, "Name (with commas, any of: red, blue)"),
        (
            {"type": "choice", "options": [str(number) for number in range(20)]},
            "Name (one of: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …)",
        ),
    ],
)
def test_a_question_has_a_hint_where_a_format_is_needed(declared: dict[str, Any], question: str) -> None:
    assert input_hints.question("Name", Field.model_validate(declared)) == question
