"""The names of the people of a request."""

from __future__ import annotations

import pytest

from bot.presentation import people


@pytest.mark.parametrize(
    ("names", "closed", "sentence"),
    [
        ([], False, "No approver is left."),
        ([], True, ""),
        (["Ada"], False, "Ada can decide."),
        (["Ada"], True, "Ada was asked."),
        (["Ada", "Ben"], False, "Ada or Ben can decide."),
        (["Ada", "Ben", "Cleo"], True, "Ada, Ben and Cleo were asked."),
        ([*"ABCDEF"], True, "A, B, C, D, E and F were asked."),
        ([*"ABCDEFG"], False, "A, B, C, D, E or 2 more people can decide."),
    ],
)
def test_who_was_asked_is_one_short_sentence(names: list[str], closed: bool, sentence: str) -> None:
    assert people.asked(names, closed=closed) == sentence


def test_a_form_is_answered_and_not_decided() -> None:
    assert people.asked(["Ada", "Ben"], closed=False, is_form=True) == "Ada or Ben can answer."
