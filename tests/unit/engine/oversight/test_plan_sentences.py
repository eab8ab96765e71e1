"""The sentences about a sampling plan: true to the figures, and rounded to the worse side."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.oversight import plan_sentences
from engine.oversight.sampling_plan import PlanState, SamplingPlan

PLAN = SamplingPlan(clean=100, share=Decimal("0.1"), later=Decimal("0.2"))


@pytest.mark.parametrize(
    ("share", "text"), [(Decimal("0.1"), "10 %"), (Decimal("0.125"), "12.5 %"), (0.0100001, "1 %"), (0.05, "5 %")]
)
def test_a_share_has_as_many_digits_as_it_needs(share: Decimal | float, text: str) -> None:
    assert plan_sentences.percent(share) == text


def test_a_plan_says_what_it_does_and_its_worst_case() -> None:
    meaning = plan_sentences.meaning(PLAN)
    assert "After 100 in a row without a correction" in meaning
    assert "At worst 1 in 91 goes through unreviewed and bad" in meaning
    assert "at least 10 % is reviewed" in meaning
    assert "1 in 12 goes through" in meaning
    assert plan_sentences.UNKNOWN in meaning


def test_a_short_plan_does_not_sound_safe() -> None:
    short = SamplingPlan(clean=1, share=Decimal("0.01"), later=Decimal("0.1"))
    assert "more than half can go through" in plan_sentences.worst_case_of(short)


def test_a_measured_detection_rate_makes_the_worst_case_worse() -> None:
    known = plan_sentences.worst_case_of(PLAN, (40, 50))
    assert plan_sentences.UNKNOWN not in known
    assert "1 in 91" not in known


def test_the_evidence_names_its_confidence_and_its_end() -> None:
    state = PlanState(clean=299, reviewed=320, bad=3)
    evidence = dict(plan_sentences.evidence(SamplingPlan(clean=299, share=Decimal("0.1"), later=Decimal("0.1")), state))
    assert evidence["In a row"] == "299 reviewed without a correction"
    assert evidence["In all"] == "320 reviewed, 3 of them rejected or corrected"
    assert evidence["How sure"].startswith("With 95 % confidence at most 1 % are bad.")
    assert "90 days" in evidence["Until"]
