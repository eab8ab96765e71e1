"""Insights as tables and sentences, for every surface. Pure.

A number below `FEW` is said as it is, because a rate of so few would claim too much. Every rate has its 95 % interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.presentation import dates
from engine.identifiers import in_words
from engine.insights import FieldInsight, GateInsight, GateKey, Insights, LoadInsight
from engine.oversight.bounds import interval
from engine.oversight.grouped_times import GroupedTimes

FEW: Final = 20
"""The fewest cases of which a rate is said."""
LONG: Final = timedelta(weeks=4)
"""How long a request is open before it is said."""
LISTED: Final = 10
MOST_GATES: Final = 30
NONE: Final = "–"
TOO_LONG: Final = "longer than 4 weeks"
_TIMES: Final = (
    *("10 seconds", "30 seconds", "1 minute", "2 minutes", "5 minutes", "10 minutes", "20 minutes", "30 minutes"),
    *("1 hour", "2 hours", "4 hours", "8 hours", "12 hours"),
    *("1 day", "2 days", "4 days", "1 week", "2 weeks", "4 weeks"),
)
"""The bounds of `engine.oversight.time_buckets` in words."""
_DEADLINES: Final = ("no expiry", "1 hour or less", "4 hours or less", "1 day or less", "3 days or less")
_LAST_DEADLINES: Final = ("1 week or less", "more than 1 week")
HOUR: Final = _TIMES.index("1 hour")
_DAY: Final = _TIMES.index("1 day")


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightTable:
    """A table of insights. `name`: for links and styles. `note`: what the numbers mean, and what they do not."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    empty: str = ""
    """What is said instead of a table without rows."""


def tables(insights: Insights) -> tuple[InsightTable, ...]:
    """Return every table, in the order in which people read them."""
    return (
        gates(insights),
        waiting(insights),
        hours(insights),
        deadlines(insights),
        reminders(insights),
        fields(insights),
        stale(insights),
        copies(insights),
        load(insights),
    )


# -- numbers ----------------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """Return a share as people read it. Only what is nothing or all is 0 % or 100 %."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 < share < 1 else f"{share:.0%}"


def rate(hits: int, cases: int) -> str:
    """Return a rate with its interval, or the numbers if the cases are few."""
    if cases < FEW:
        return f"{hits} of {cases}" if cases else NONE
    low, high = interval(hits, cases)
    return f"{percent(hits / cases)} ({_between(low, high)})"


def _between(low: float, high: float) -> str:
    return f"{percent(low).removesuffix('%')}–{percent(high)}"


def within(times: GroupedTimes, part: float) -> str:
    """Return the time within which this part was decided, or a dash if it was not, or they are few."""
    if times.requests < FEW:
        return NONE
    seconds = times.within(part)
    return TOO_LONG if seconds is None else _TIMES[_class(times, seconds)]


def _class(times: GroupedTimes, seconds: int) -> int:
    return next(at for at, point in enumerate(times.waiting()) if point.seconds == seconds)


def decided_by(times: GroupedTimes, bound: int) -> str:
    """Return the share that was decided by the bound of a class, with its interval."""
    if times.requests < FEW:
        return f"{sum(times.decided[: bound + 1])} of {times.requests}" if times.requests else NONE
    point = times.waiting()[bound]
    return f"{percent(1 - point.share)} ({_between(1 - point.high, 1 - point.low)})"


def gate_name(key: GateKey, label: str = "") -> str:
    """Return the name of a gate: its workflow and its step."""
    return f"{key.workflow_title}: {label or in_words(key.step)}"


def gate_in_words(key: GateKey, label: str = "") -> str:
    """Return the name of a gate as it begins a sentence."""
    return f"“{label or in_words(key.step)}” of “{key.workflow_title}”"


def hour_name(minutes: int) -> str:
    """Return the hour of the day that begins so many minutes after midnight."""
    return dates.clock(minutes // 60, minutes % 60)


def time_name(bound: int) -> str:
    """Return the bound of a class of times in words."""
    return _TIMES[bound]


def field_name(path: str) -> str:
    """Return the name of an edited field in words."""
    return in_words(path.replace(".", "_"))


def reminder_name(number: int) -> str:
    return "before any reminder" if number == 0 else f"after reminder {number}"


def period(insights: Insights, writer: dates.Writer = dates.moment) -> str:
    """Return the sentence about what was counted."""
    if insights.counted_until is None:
        return "Nothing is counted yet. The counts follow what happens within seconds."
    sentence = f"Requests that were opened since {insights.since:%b} {insights.since.day}, {insights.since.year}."
    if insights.is_behind:
        return f"{sentence} Signoff is still counting, and has come to {writer(insights.counted_until)}."
    return sentence


# -- tables -----------------------------------------------------------------------------------------------------


def gates(insights: Insights) -> InsightTable:
    """Return what became of the requests of each gate, those with the most first."""
    used = [gate for gate in insights.gates if gate.opened or gate.open]
    more = f" {len(used) - MOST_GATES:,} more gates are not listed: choose a workflow." if used[MOST_GATES:] else ""
    return InsightTable(
        name="gates",
        title="What people decided",
        columns=("gate", "opened", "approved", "changed", "rejected", "expired", "undone", "open", "half within"),
        rows=tuple(_gate_row(gate) for gate in used[:MOST_GATES]),
        note="Approved and rejected: of the decisions. Changed: of the approved. In brackets: the 95% interval. "
        f"With fewer than {FEW}, you see the numbers.{more}",
        empty="No request was opened in this time.",
    )


def _gate_row(gate: GateInsight) -> tuple[str, ...]:
    ended = gate.decided + gate.expired
    return (
        gate_name(gate.gate, gate.label),
        f"{gate.opened:,}",
        rate(gate.approved, gate.decided),
        "a form" if gate.is_form else rate(gate.edited, gate.approved),
        rate(gate.rejected, gate.decided),
        rate(gate.expired, ended),
        f"{gate.undone:,}" if gate.undone else NONE,
        f"{gate.open:,}",
        within(gate.times, 0.5),
    )


def waiting(insights: Insights) -> InsightTable:
    """Return how long decisions take in all."""
    times = insights.times
    points = times.waiting() if times.requests >= FEW else ()
    return InsightTable(
        name="waiting",
        title="How long decisions take",
        columns=("within", "decided", "still waiting before"),
        rows=tuple(
            (_TIMES[at], decided_by(times, at), f"{point.at_risk:,}")
            for at, point in enumerate(points)
            if point.at_risk
        ),
        note="By Kaplan and Meier, who count those that still wait, and those that ended without a decision, "
        "for as long as they waited.",
        empty=_too_few(times.requests),
    )


def hours(insights: Insights) -> InsightTable:
    """Return how long decisions take by the hour of the day at which a request opened."""
    return InsightTable(
        name="hours",
        title="By the hour of the day",
        columns=("opened at", "requests", "decided within 1 hour", "half within"),
        rows=tuple(
            (hour_name(minutes), f"{times.requests:,}", decided_by(times, HOUR), within(times, 0.5))
            for minutes, times in insights.by_hour.items()
        ),
        note="The hour is yours: of your time zone, with its summer time.",
        empty=_too_few(0),
    )


def deadlines(insights: Insights) -> InsightTable:
    """Return how long decisions take by the time until a request expires."""
    return InsightTable(
        name="deadlines",
        title="By the time until a request expires",
        columns=("expires", "requests", "decided within 1 hour", "within 1 day", "half within"),
        rows=tuple(
            (deadline_name(name), f"{times.requests:,}", *_by(times, HOUR, _DAY), within(times, 0.5))
            for name, times in insights.by_deadline.items()
        ),
        empty=_too_few(0),
    )


def deadline_name(number: int) -> str:
    """Return the name of a class of times until a request expires."""
    return (*_DEADLINES, *_LAST_DEADLINES)[number]


def _by(times: GroupedTimes, *bounds: int) -> Iterator[str]:
    return (decided_by(times, bound) for bound in bounds)


def reminders(insights: Insights) -> InsightTable:
    """Return what reminders do: how soon a decision comes after each, and how many come just before and after it."""
    counts = _near(insights)
    return InsightTable(
        name="reminders",
        title="What reminders do",
        columns=("from", "requests", "decided within 1 hour", "within 1 day", "just before it", "just after it"),
        rows=tuple(
            (reminder_name(number), f"{times.requests:,}", *_by(times, HOUR, _DAY), *counts.get(number, (NONE, NONE)))
            for number, times in insights.by_reminder.items()
        ),
        note="Each line counts from that reminder until the next one. A reminder that helps has more decisions in the "
        "hour after it than in the hour before it.",
        empty="No gate has sent a reminder in this time.",
    )


def _near(insights: Insights) -> Mapping[int, tuple[str, str]]:
    counts: dict[int, tuple[int, int]] = {}
    for reminder in insights.reminders:
        before, after = counts.get(reminder.number, (0, 0))
        counts[reminder.number] = (before + reminder.before, after + reminder.after)
    return {number: (f"{before:,}", f"{after:,}") for number, (before, after) in counts.items()}


def fields(insights: Insights) -> InsightTable:
    """Return which fields approvers change most often."""
    return InsightTable(
        name="fields",
        title="What approvers change",
        columns=("gate", "field", "changed"),
        rows=tuple(_field_row(insights, field) for field in insights.fields[:LISTED]),
        note="As a share of the approved requests of the gate.",
        empty="No approver changed anything in this time.",
    )


def _field_row(insights: Insights, field: FieldInsight) -> tuple[str, ...]:
    name = gate_name(field.gate, gate_label(insights, field))
    return name, field_name(field.field), rate(field.edits, field.approved)


def gate_label(insights: Insights, field: FieldInsight) -> str:
    return next((gate.label for gate in insights.gates if gate.gate == field.gate), "")


def stale(insights: Insights) -> InsightTable:
    """Return the gates that may do nothing, and those whose requests wait for long."""
    rows = [(gate_name(gate.gate, gate.label), why) for gate, why in stale_gates(insights)]
    return InsightTable(
        name="stale",
        title="Gates to look at",
        columns=("gate", "why"),
        rows=tuple(rows),
        empty="There is none.",
    )


def stale_gates(insights: Insights) -> Iterator[tuple[GateInsight, str]]:
    """Yield the gates that may do nothing, and those whose requests wait for long, each with the reason."""
    return ((gate, why) for gate in insights.gates for why in _reasons(gate, insights.until))


def _reasons(gate: GateInsight, now: datetime) -> Iterator[str]:
    if gate.is_current and not gate.opened and not gate.open:
        yield "No request was opened here in this time."
    if not gate.is_form and gate.decided >= FEW and gate.unchanged == gate.decided:
        yield f"Approved unchanged {gate.unchanged:,} of {gate.decided:,} times."
    if gate.open_since is not None and now - gate.open_since > LONG:
        yield f"A request has been open for {(now - gate.open_since).days:,} days."


def copies(insights: Insights) -> InsightTable:
    """Return how many copies of requests could not be shown."""
    return InsightTable(
        name="copies",
        title="Copies that did not arrive",
        columns=("channel", "arrived", "failed"),
        rows=tuple(
            (channel_name(channel.channel), f"{channel.shown:,}", _failed(channel.failed, channel.shown))
            for channel in insights.channels
        ),
        empty="No copy was sent in this time.",
    )


def channel_name(name: str) -> str:
    return name.capitalize() or "Not known any more"


def _failed(failed: int, shown: int) -> str:
    return f"{failed:,}" if failed == 0 else rate(failed, failed + shown)


def load(insights: Insights) -> InsightTable:
    """Return who made most of the decisions. How long a person took is never shown."""
    total = sum(person.decisions for person in insights.load)
    named = insights.load[:LISTED]
    rows = [_load_row(person, total) for person in named]
    rest = insights.load[LISTED:]
    if rest:
        number = sum(person.decisions for person in rest)
        rows.append((f"{len(rest):,} more people", f"{number:,}", percent(number / total)))
    return InsightTable(
        name="load",
        title="Who decides",
        columns=("person", "decisions", "share"),
        rows=tuple(rows),
        note="How long a person takes is not shown here.",
        empty="No one decided anything in this time.",
    )


def _load_row(person: LoadInsight, total: int) -> tuple[str, str, str]:
    share = percent(person.decisions / total) if total >= FEW else NONE
    return person.name or "A person", f"{person.decisions:,}", share


def _too_few(requests: int) -> str:
    return f"Too few requests to say: {requests:,}." if requests else "No request was opened in this time."
