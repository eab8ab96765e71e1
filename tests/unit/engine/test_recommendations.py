"""Recommendations: what evidence they need, and what is never recommended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.presentation import insight_sentences
from engine.insights import GateEvidence, GateInsight, GateKey, Insights, ReminderInsight
from engine.recommendations import CORRECTIONS, RecommendationKind, recommend

KEY = GateKey(workflow="w", name="refund", workflow_title="Refunds", step="pay")
GATE = GateInsight(gate=KEY, label="Pay", is_current=True, can_sample=True, reminds=True)
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def kinds(gate: GateInsight, evidence: GateEvidence) -> list[RecommendationKind]:
    insights = Insights(since=NOW, until=NOW, gates=(gate,), evidence={("w", "pay"): evidence})
    return [one.kind for one in recommend(insights)]


def test_a_plan_is_recommended_once_the_test_says_so_and_no_earlier() -> None:
    fewest = CORRECTIONS.fewest_for_low()
    assert kinds(GATE, GateEvidence(decided=fewest)) == [RecommendationKind.SAMPLE]
    assert kinds(GATE, GateEvidence(decided=fewest - 1)) == []
    assert kinds(GATE, GateEvidence(decided=fewest, corrected=3)) == []
    sure = GateEvidence(decided=10 * fewest)
    assert kinds(replace(GATE, has_plan=True), sure) == []
    assert kinds(replace(GATE, can_sample=False), sure) == []
    assert kinds(replace(GATE, is_form=True), sure) == []
    assert kinds(replace(GATE, is_current=False), sure) == []


def test_what_the_weeks_of_a_query_count_is_no_evidence() -> None:
    """They move with the day on which someone looks, so a test of them would be wrong more often than it says."""
    reminder = ReminderInsight(gate=KEY, number=1, sent=300, before=60, after=60)
    counted = replace(GATE, approved=10_000)
    insights = Insights(since=NOW, until=NOW, gates=(counted,), reminders=(reminder,))
    assert recommend(insights) == ()


def test_more_corrections_than_decisions_are_no_evidence_for_a_plan() -> None:
    """One's own approval that was undone is a correction, and was not counted as decided."""
    assert kinds(GATE, GateEvidence(decided=0, corrected=5)) == []


def test_a_reminder_that_does_nothing_is_said_and_one_that_helps_is_not() -> None:
    assert kinds(GATE, GateEvidence(before=60, after=60)) == [RecommendationKind.DROP_REMINDER]
    assert kinds(GATE, GateEvidence(before=40, after=80)) == []
    assert kinds(GATE, GateEvidence(before=3, after=3)) == []
    assert kinds(replace(GATE, reminds=False), GateEvidence(before=60, after=60)) == []


def test_the_sentences_say_the_evidence_the_worst_case_and_the_errors() -> None:
    evidence = GateEvidence(decided=312, before=60, after=60)
    insights = Insights(since=NOW, until=NOW, gates=(GATE,), evidence={("w", "pay"): evidence})
    sample, drop = insight_sentences.recommended(recommend(insights))
    assert "“Pay” of “Refunds”: approved unchanged 312 of 312 times since this version was registered" in sample
    assert "At worst 1 in 91 goes through unreviewed and bad" in sample
    assert (
        "If people corrected 3% or more, this would be said in at most 5% of cases, however often you look." in sample
    )
    assert "Of 120 decisions close to a reminder, 60 came after it, since this version" in drop
