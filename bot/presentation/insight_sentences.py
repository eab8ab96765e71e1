"""What is most worth knowing of insights, in sentences, and what is recommended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bot.presentation.insight_report import (
    FEW,
    HOUR,
    LONG,
    TOO_LONG,
    channel_name,
    deadline_name,
    decided_by,
    field_name,
    gate_in_words,
    gate_label,
    hour_name,
    percent,
    rate,
    reminder_name,
    within,
)
from engine.insights import Insights
from engine.oversight.grouped_times import GroupedTimes
from engine.oversight.worst_case import worst_case
from engine.recommendations import PLAN, Recommendation, RecommendationKind, recommend

SINCE: Final = "since this version was registered or people last said no"
"""Where the evidence of a recommendation begins."""


def recommended(recommendations: Sequence[Recommendation]) -> tuple[str, ...]:
    """Return a sentence for each recommendation, with its evidence and how often it is wrong."""
    return tuple(_recommended(one) for one in recommendations)


def _recommended(one: Recommendation) -> str:
    name = gate_in_words(one.gate, one.label)
    said = f"this would be said in at most {percent(one.error)} of cases, however often you look"
    if one.kind is RecommendationKind.SAMPLE:
        evidence = f"approved unchanged {one.hits:,} of {one.cases:,} times {SINCE}"
        share = float(PLAN.share)
        worst = worst_case(PLAN.clean, share)
        change = (
            f"A sampling plan (autonomy) would review {percent(share)} after {PLAN.clean} in a row without "
            f"a correction. At worst 1 in {worst.one_in} goes through unreviewed and bad while the rate of mistakes "
            f"stays as it is, and 1 in {worst.one_in_if_it_changes} if it turns bad once it is trusted. "
            "These figures are for reviewers who notice everything."
        )
        meaning = f"If people corrected {percent(one.against)} or more, {said}."
        return f"{name}: {evidence}. {change} {meaning}"
    return (
        f"{name}: its reminders bring no more decisions. Of {one.cases:,} decisions close to a reminder, {one.hits:,} "
        f"came after it, {SINCE}. If reminders doubled the decisions, {said}."
    )


# -- what is worth knowing ---------------------------------------------------------------------------------------


def highlights(insights: Insights, *, most: int = 8) -> tuple[str, ...]:
    """Return the sentences that are most worth knowing where no table is, first what is recommended."""
    return (*recommended(recommend(insights)), *_worth_knowing(insights))[:most]


def observations(insights: Insights, *, most: int = 3) -> tuple[str, ...]:
    """Return the few sentences that are most worth knowing beside the recommendations."""
    return tuple(_worth_knowing(insights))[:most]


def _worth_knowing(insights: Insights) -> Iterator[str]:
    yield from _trouble(insights)
    if insights.times.requests >= FEW:
        half = within(insights.times, 0.5)
        yield f"Half of the requests {f'waited {half}' if half == TOO_LONG else f'were decided within {half}'}."
    yield from _work(insights)
    yield from _contrasts(insights)
    yield from _unused(insights)
    if insights.opened:
        yield f"{insights.opened:,} {'request was' if insights.opened == 1 else 'requests were'} opened."


def _trouble(insights: Insights) -> Iterator[str]:
    """Yield which requests have been open for long, and on which channels copies did not arrive."""
    for gate in insights.gates:
        if gate.open_since is not None and insights.until - gate.open_since > LONG:
            days = (insights.until - gate.open_since).days
            yield f"{gate_in_words(gate.gate, gate.label)}: a request has been open for {days:,} days."
    for channel in insights.channels:
        if channel.failed and channel.failed * 20 >= channel.failed + channel.shown:
            failed = rate(channel.failed, channel.failed + channel.shown)
            yield f"Copies that did not arrive by {channel_name(channel.channel)}: {failed}."


def _work(insights: Insights) -> Iterator[str]:
    """Yield what approvers change most often, and who carries the load."""
    for field in insights.fields[:1]:
        if field.approved >= FEW:
            name = gate_in_words(field.gate, gate_label(insights, field))
            yield f"{name}: approvers change {field_name(field.field)} in {rate(field.edits, field.approved)}."
    total = sum(person.decisions for person in insights.load)
    if total >= FEW and insights.load[0].decisions * 2 > total and len(insights.load) > 1:
        first = insights.load[0]
        yield f"{first.name or 'One person'} made {percent(first.decisions / total)} of the decisions."


def _unused(insights: Insights) -> Iterator[str]:
    for gate in insights.gates:
        if gate.is_current and not gate.opened and not gate.open:
            yield f"{gate_in_words(gate.gate, gate.label)}: no request was opened in this time."


def _contrasts(insights: Insights) -> Iterator[str]:
    """Yield where decisions come soonest and latest by hour, deadline and reminder, if the intervals lie apart."""
    named = (
        {f"opened at {hour_name(at)}": times for at, times in insights.by_hour.items()},
        {f"that expire in {deadline_name(name)}": times for name, times in insights.by_deadline.items() if name},
        {reminder_name(number): times for number, times in insights.by_reminder.items()},
    )
    for times in named:
        yield from _contrast({name: one for name, one in times.items() if one.requests >= FEW})


def _contrast(named: Mapping[str, GroupedTimes]) -> Iterator[str]:
    points = {name: times.waiting()[HOUR] for name, times in named.items()}
    if not points:
        return
    soon, late = min(points, key=lambda name: points[name].share), max(points, key=lambda name: points[name].share)
    if points[soon].high < points[late].low:
        yield (
            f"Decided within 1 hour: {decided_by(named[soon], HOUR)} of the requests {soon}, "
            f"and {decided_by(named[late], HOUR)} of those {late}."
        )
