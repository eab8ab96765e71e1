"""The sentences about a sampling plan: true to the figures, and rounded to the worse side."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight import plan_sentences
from engine.oversight.bounds import bad_rate_bound_at_any_time
from engine.oversight.sampling_plan import PlanState, SamplingPlan

PLAN = SamplingPlan(clean=100, share=Decimal("0.1"), later=Decimal("0.2"))


@pytest.mark.parametrize(
    ("share", "text"), [(Decimal("0.1"), "10%"), (Decimal("0.125"), "12.5%"), (0.0100001, "1%"), (0.05, "5%")]
)
def test_a_share_has_as_many_digits_as_it_needs(share: Decimal | float, text: str) -> None:
    assert plan_sentences.percent(share) == text


def test_a_plan_says_what_it_does_and_its_worst_case() -> None:
    meaning = plan_sentences.meaning(PLAN)
    assert "After 100 in a row without a correction" in meaning
    assert "At worst 1 in 91 goes through unreviewed and bad" in meaning
    assert "at least 10% is reviewed" in meaning
    assert "1 in 12 goes through" in meaning
    assert plan_sentences.UNKNOWN in meaning


def test_a_short_plan_does_not_sound_safe() -> None:
    short = SamplingPlan(clean=1, share=Decimal("0.01"), later=Decimal("0.1"))
    sentence = plan_sentences.worst_case_of(short)
    assert sentence.startswith("At worst more than half can go through unreviewed and bad while")
    assert "trusted, more than half can go through" in sentence


@given(st.integers(1, 400), st.integers(1, 99))
def test_no_worst_case_says_that_one_in_one_goes_through(clean: int, percent: int) -> None:
    plan = SamplingPlan(clean=clean, share=Decimal(percent) / 100, later=Decimal("0.1"))
    sentence = plan_sentences.worst_case_of(plan)
    assert "1 in 1 " not in sentence
    assert "1 in 0 " not in sentence


def test_a_measured_detection_rate_makes_the_worst_case_worse() -> None:
    known = plan_sentences.worst_case_of(PLAN, (40, 50))
    assert plan_sentences.UNKNOWN not in known
    assert "1 in 91" not in known


def test_the_evidence_names_its_confidence_and_its_end() -> None:
    state = PlanState(clean=299, reviewed=320, bad=3)
    evidence = dict(plan_sentences.evidence(SamplingPlan(clean=299, share=Decimal("0.1"), later=Decimal("0.1")), state))
    assert evidence["In a row"] == "299 reviewed without a correction"
    assert evidence["In all"] == "320 reviewed, 3 of them rejected or corrected"
    assert evidence["How sure"].startswith("With 95% confidence at most 4.2% are bad.")
    assert "90 days" in evidence["It ends"]
    assert evidence["Not known"] == plan_sentences.NOT_KNOWN
    assert max(map(len, evidence.values())) < 250


@given(st.integers(1, 400), st.integers(0, 200), st.integers(0, 20))
def test_the_bound_of_the_evidence_holds_at_the_moment_that_the_record_chose(clean: int, good: int, bad: int) -> None:
    state = PlanState(clean=clean, reviewed=clean + good + bad, bad=bad)
    bound = bad_rate_bound_at_any_time(bad, state.reviewed, None).value
    shown = dict(plan_sentences.evidence(PLAN, state))["How sure"]
    assert shown.startswith(f"With 95% confidence at most {plan_sentences.percent(bound)} are bad.")
