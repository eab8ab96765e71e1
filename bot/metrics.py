"""Metrics for Prometheus: what this process counted, and how much waits in the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from engine.domain import Decided, Refusal
from engine.errors import ChannelError
from engine.store.measurements import Measurements

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_DECISION_SECONDS: Final = (
    *(10, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    *(_HOUR, 4 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY),
)
_DELIVERY_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE)
_GAUGES: Final = (
    ("pending_requests", "Requests that wait for a decision, at most 100,000."),
    ("open_runs", "Runs that have not ended, at most 100,000."),
    ("runs_needing_attention", "Runs that wait for their owner to say what became of a step."),
    ("due_copies", "Messages that are due and not shown yet, at most 100,000."),
    ("outbox_seconds", "How long the oldest message that is due has been due, in seconds."),
)
"""The fields of `Measurements`, with their help. Every process of a database reports the same: do not add them up."""


class Metrics:
    """A `Telemetry` that counts for Prometheus."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._measurements: Measurements | None = None
        self._decisions = Counter(
            "signoff_decisions", "Decisions that were saved.", ["surface", "state"], registry=self._registry
        )
        self._refusals = Counter(
            "signoff_refused_decisions", "Decisions that were refused.", ["surface", "reason"], registry=self._registry
        )
        self._waits = Histogram(
            "signoff_decision_wait_seconds",
            "Time from the opening of a request to its decision.",
            buckets=_DECISION_SECONDS,
            registry=self._registry,
        )
        self._deliveries = Counter(
            "signoff_deliveries", "Messages that were posted or edited.", ["channel"], registry=self._registry
        )
        self._lags = Histogram(
            "signoff_delivery_lag_seconds",
            "Time from when a message was wanted to when it was posted.",
            ["channel"],
            buckets=_DELIVERY_SECONDS,
            registry=self._registry,
        )
        self._failures = Counter(
            "signoff_delivery_failures",
            "Attempts to show a message that failed.",
            ["channel", "kind"],
            registry=self._registry,
        )
        self._registry.register(self)

    def decided(self, result: Decided | Refusal, *, surface: str) -> None:
        """Record the result of a decision from a surface."""
        if isinstance(result, Decided):
            self._decisions.labels(surface, result.state.value).inc()
            self._waits.observe(result.waited.total_seconds())
        else:
            self._refusals.labels(surface, type(result).__name__).inc()

    def delivered(self, channel: str, *, seconds: float | None) -> None:
        """Record that a copy is up to date; `seconds` since it was wanted, for a first copy."""
        self._deliveries.labels(channel).inc()
        if seconds is not None:
            self._lags.labels(channel).observe(seconds)

    def delivery_failed(self, channel: str, error: ChannelError) -> None:
        """Record a failed attempt to show a copy, by what is known of it."""
        kind = "unknown_outcome" if error.outcome_unknown else "permanent" if error.permanent else "temporary"
        self._failures.labels(channel, kind).inc()

    def text(self, measurements: Measurements) -> bytes:
        """Return all metrics, in Prometheus' text format."""
        self._measurements = measurements
        return generate_latest(self._registry)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges, as prometheus_client asks its collectors."""
        for name, help_text in _GAUGES if self._measurements is not None else ():
            yield GaugeMetricFamily(f"signoff_{name}", help_text, value=getattr(self._measurements, name))
