"""What is most worth knowing of insights: rates with their intervals, and nothing of what says too little."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.presentation import insight_facts, insight_sentences
from engine.insights import ChannelInsight, GateInsight, GateKey, Insights, LoadInsight
from engine.oversight.grouped_times import GroupedTimes
from engine.oversight.time_buckets import BOUNDS

HOUR = BOUNDS.index(3600)
NEVER = len(BOUNDS)
UNTIL = datetime(2026, 3, 2, 9, tzinfo=UTC)
EMPTY = Insights(since=datetime(2026, 1, 1, tzinfo=UTC), until=UNTIL)


def times(soon: int, late: int) -> GroupedTimes:
    """Return the times of requests that were decided within an hour, and of those that were not."""
    return GroupedTimes.of({HOUR: soon, NEVER: late}, {})


@pytest.mark.parametrize(
    ("insights", "sentence"),
    [
        (
            replace(EMPTY, by_hour={540: times(90, 10), 1020: times(10, 90)}),
            "Decided within 1 hour: 90% (83–95%) of the requests opened at 9:00 AM, "
            "and 10% (6–18%) of those opened at 5:00 PM.",
        ),
        (
            replace(EMPTY, by_deadline={0: times(0, 100), 1: times(80, 20), 6: times(30, 70)}),
            "Decided within 1 hour: 80% (72–87%) of the requests that expire in 1 hour or less, "
            "and 30% (22–40%) of those that expire in more than 1 week.",
        ),
        (
            replace(EMPTY, by_reminder={0: times(10, 90), 1: times(60, 40)}),
            "Decided within 1 hour: 60% (51–70%) of the requests after reminder 1, "
            "and 10% (6–18%) of those before any reminder.",
        ),
    ],
    ids=["hour", "deadline", "reminder"],
)
def test_where_decisions_come_soonest_and_latest_is_said_with_intervals(insights: Insights, sentence: str) -> None:
    assert sentence in insight_sentences.highlights(insights)


def test_a_half_that_waits_for_very_long_was_not_decided() -> None:
    insights = replace(EMPTY, by_deadline={0: times(10, 90)})
    assert insight_sentences.highlights(insights) == ("Half of the requests waited longer than 4 weeks.",)


@pytest.mark.parametrize(
    "by_hour",
    [{540: times(15, 4), 1020: times(4, 15)}, {540: times(60, 40), 1020: times(50, 50)}, {540: times(90, 10)}],
    ids=["too few", "intervals that overlap", "one hour alone"],
)
def test_what_says_too_little_is_left_out(by_hour: dict[int, GroupedTimes]) -> None:
    assert insight_sentences.highlights(replace(EMPTY, by_hour=by_hour)) == ()


def test_a_gate_without_requests_copies_that_failed_and_who_carries_the_load_are_said() -> None:
    gate = GateKey(workflow="w1", name="refund", workflow_title="Refund", step="pay")
    insights = replace(
        EMPTY,
        gates=(GateInsight(gate=gate, label="Pay", is_current=True),),
        channels=(ChannelInsight(channel="email", shown=30, failed=10),),
        load=(LoadInsight(person="p1", name="Lee", decisions=30), LoadInsight(person="p2", name="Kim", decisions=10)),
    )
    assert insight_sentences.highlights(insights) == (
        "Copies that did not arrive by Email: 25% (13–41%).",
        "Lee made 75% of the decisions.",
        "“Pay” of “Refund”: no request was opened in this time.",
    )
    facts = insight_facts.facts(insights)
    assert facts["stale"] == [{"workflow": "refund", "step": "pay", "why": "No request was opened here in this time."}]
