"""Recommendations: what evidence they need, and what is never recommended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.presentation import insight_report
from engine.insights import GateInsight, GateKey, Insights, ReminderInsight
from engine.recommendations import CORRECTIONS, RecommendationKind, recommend

KEY = GateKey(workflow="w", name="refund", workflow_title="Refunds", step="pay")
GATE = GateInsight(gate=KEY, label="Pay", is_current=True, can_sample=True, reminds=True)
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def kinds(gate: GateInsight, *reminders: ReminderInsight) -> list[RecommendationKind]:
    insights = Insights(since=NOW, until=NOW, gates=(gate,), reminders=reminders)
    return [one.kind for one in recommend(insights)]


def test_a_plan_is_recommended_once_the_test_says_so_and_no_earlier() -> None:
    fewest = CORRECTIONS.fewest_for_low()
    assert kinds(replace(GATE, approved=fewest)) == [RecommendationKind.SAMPLE]
    assert kinds(replace(GATE, approved=fewest - 1)) == []
    assert kinds(replace(GATE, approved=fewest, edited=3)) == []
    assert kinds(replace(GATE, approved=fewest, undone=3)) == []
    sure = replace(GATE, approved=10 * fewest)
    assert kinds(replace(sure, has_plan=True)) == []
    assert kinds(replace(sure, can_sample=False)) == []
    assert kinds(replace(sure, is_form=True)) == []
    assert kinds(replace(sure, is_current=False)) == []


def test_a_reminder_that_does_nothing_is_said_and_one_that_helps_is_not() -> None:
    def reminder(before: int, after: int) -> ReminderInsight:
        return ReminderInsight(gate=KEY, number=1, sent=300, before=before, after=after)

    assert kinds(GATE, reminder(60, 60)) == [RecommendationKind.DROP_REMINDER]
    assert kinds(GATE, reminder(30, 30), reminder(30, 30)) == [RecommendationKind.DROP_REMINDER]
    assert kinds(GATE, reminder(40, 80)) == []
    assert kinds(GATE, reminder(3, 3)) == []
    assert kinds(replace(GATE, reminds=False), reminder(60, 60)) == []


def test_the_sentences_say_the_evidence_the_worst_case_and_the_errors() -> None:
    gate = replace(GATE, approved=312)
    reminder = ReminderInsight(gate=KEY, number=1, sent=300, before=60, after=60)
    insights = Insights(since=NOW, until=NOW, gates=(gate,), reminders=(reminder,))
    sample, drop = insight_report.recommended(recommend(insights))
    assert "Refunds: Pay: approved unchanged 312 of 312 times." in sample
    assert "at worst 1 in 91 goes through unreviewed and bad" in sample
    assert "If people corrected 3% or more, this would be said in at most 5% of cases." in sample
    assert "Of 120 decisions close to a reminder, 60 came after it." in drop
