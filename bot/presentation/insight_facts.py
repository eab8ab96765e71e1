"""Insights for programs: the counts, and rates with their intervals. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from bot.presentation.dates import iso
from bot.presentation.insight_report import hour_name, stale_gates
from bot.presentation.insight_sentences import observations, recommended
from engine.insights import FieldInsight, GateInsight, Insights
from engine.json_values import Value
from engine.oversight.bounds import LEVEL, interval
from engine.oversight.grouped_times import GroupedTimes
from engine.oversight.time_buckets import DEADLINES
from engine.recommendations import recommend


def facts(insights: Insights) -> dict[str, Value]:
    """Return the insights as JSON has them."""
    return {
        "since": iso(insights.since),
        "until": iso(insights.until),
        "counted_until": iso(insights.counted_until),
        "uncounted": insights.uncounted,
        "level": _number(LEVEL),
        "gates": [_gate(gate) for gate in insights.gates],
        "by_hour": [{"opened_at": hour_name(at), **_times(times)} for at, times in insights.by_hour.items()],
        "by_deadline": [
            {"expires_within_seconds": _deadline(name), **_times(times)} for name, times in insights.by_deadline.items()
        ],
        "by_reminder": [{"reminders": number, **_times(times)} for number, times in insights.by_reminder.items()],
        "reminders": [
            {
                "workflow": reminder.gate.name,
                "step": reminder.gate.step,
                "reminder": reminder.number,
                "sent": reminder.sent,
                "decided_just_before": reminder.before,
                "decided_just_after": reminder.after,
            }
            for reminder in insights.reminders
        ],
        "fields": [_field(field) for field in insights.fields],
        "channels": [
            {
                "channel": channel.channel or None,
                "shown": channel.shown,
                "failed": channel.failed,
                "not_shown": _rate(channel.failed, channel.failed + channel.shown),
            }
            for channel in insights.channels
        ],
        "load": [{"person": person.person, "decisions": person.decisions} for person in insights.load],
        "stale": [
            {"workflow": gate.gate.name, "step": gate.gate.step, "why": why} for gate, why in stale_gates(insights)
        ],
        "recommendations": [*_recommendations(insights)],
        "observations": [*observations(insights)],
    }


def _recommendations(insights: Insights) -> Iterator[Value]:
    """Yield what is recommended, with its evidence. `error`: how often it is said at most where `against` is true."""
    found = recommend(insights)
    for number, (one, sentence) in enumerate(zip(found, recommended(found), strict=True), start=1):
        yield {
            "number": number,
            "kind": one.kind.value,
            "workflow": one.gate.name,
            "step": one.gate.step,
            "text": sentence,
            "hits": one.hits,
            "cases": one.cases,
            "error": _number(one.error),
            "against": _number(one.against),
            "waits_in": insights.changes.waiting.get(one.key),
        }


def _gate(gate: GateInsight) -> dict[str, Value]:
    return {
        "workflow": gate.gate.name,
        "step": gate.gate.step,
        "opened": gate.opened,
        "open": gate.open,
        "open_since": iso(gate.open_since),
        "approved": _rate(gate.approved, gate.decided),
        "edited": None if gate.is_form else _rate(gate.edited, gate.approved),
        "rejected": _rate(gate.rejected, gate.decided),
        "changes_requested": _rate(gate.changes_requested, gate.decided),
        "expired": gate.expired,
        "cancelled": gate.cancelled,
        "undone": gate.undone,
        "sampled_out": gate.sampled_out,
        "is_current": gate.is_current,
        **_times(gate.times),
    }


def _field(field: FieldInsight) -> dict[str, Value]:
    changed = _rate(field.edits, field.approved)
    return {"workflow": field.gate.name, "step": field.gate.step, "field": field.field, "changed": changed}


def _rate(hits: int, cases: int) -> dict[str, Value]:
    low, high = interval(hits, cases) if cases else (0.0, 1.0)
    share = _number(hits / cases) if cases else None
    return {"count": hits, "of": cases, "share": share, "low": _number(low), "high": _number(high)}


def _number(share: float) -> Decimal:
    return Decimal(f"{share:.6f}").normalize() + 0


def _times(times: GroupedTimes) -> Mapping[str, Value]:
    waiting: list[Value] = [
        {
            "seconds": point.seconds,
            "decided": _number(1 - point.share),
            "low": _number(1 - point.high),
            "high": _number(1 - point.low),
        }
        for point in times.waiting()
        if point.at_risk
    ]
    half = {"half_within_seconds": times.within(0.5)}
    return {"requests": times.requests, "decisions": times.decisions, **half, "decided_within": waiting}


def _deadline(name: int) -> int | None:
    """Return the longest expiry of a class in seconds, or None for no expiry and for the last class."""
    return DEADLINES[name - 1] if 0 < name <= len(DEADLINES) else None
