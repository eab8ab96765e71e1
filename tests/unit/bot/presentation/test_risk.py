"""The risk of a request in words, whatever its values are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import risk
from engine.oversight.risk import CONFIDENCE, IMPACT, REVERSIBLE, CannotTell, RiskBound, RiskLevel, RiskRow, assess

TABLE = [
    RiskRow(RiskLevel.HIGH, (RiskBound(IMPACT, "over 100"), RiskBound(REVERSIBLE, "false"))),
    RiskRow(RiskLevel.MEDIUM, (RiskBound(CONFIDENCE, "under 80%"),)),
]
SENTENCES = [
    ((200, False, 1, None), "High: cannot be undone, impact 200 (over 100), confidence 1."),
    ((200, True, "50%", None), "Medium: can be undone, impact 200, confidence 50% (under 80%)."),
    ((1, True, 1, RiskLevel.HIGH), "High: can be undone, impact 1, confidence 1. The program says so itself."),
    ((1, True, 1, RiskLevel.LOW), "Low: can be undone, impact 1, confidence 1. The program says so itself."),
    (
        ("a", None, 1, None),
        "Critical, because Signoff could not tell whether it can be undone (nothing is not true or false); the impact "
        "(a is not a number, an amount of money, or low, medium, high or critical). The rest: confidence 1.",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), SENTENCES)
def test_the_sentence_has_the_level_and_its_reasons(values: tuple[Any, ...], sentence: str) -> None:
    impact, reversible, confidence, claimed = values
    told = assess(TABLE, {IMPACT: impact, REVERSIBLE: reversible, CONFIDENCE: confidence}, claimed)
    assert risk.sentence(told) == sentence


@given(st.text())
def test_no_value_hides_or_turns_the_rest(text: str) -> None:
    told = assess(TABLE, {IMPACT: text, CONFIDENCE: CannotTell(text)})
    sentence = risk.sentence(told)
    assert "\n" not in sentence
    assert not set(sentence) & {"\u202e", "\u2066", "\u200b", "\0"}
