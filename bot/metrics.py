"""Metrics for Prometheus: what this process counted, and how much waits in the database."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from bot.request_scope import RequestScope
from engine.domain import Decided, Refusal, RequestState, Started
from engine.errors import ChannelError, StoreError
from engine.store.measurements import Measurements
from engine.telemetry import DeliveryAttempt, RunMove, StepCall

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_DECISION_SECONDS: Final = (
    *(10, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    *(_HOUR, 4 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY),
)
_DELIVERY_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE)
_STEP_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, _MINUTE, 5 * _MINUTE)
_ANSWER_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 10)
"""Slack gives up after three seconds."""
_GAUGES: Final = (
    ("pending_requests", "Requests that wait for a decision, at most 100,000."),
    ("open_runs", "Runs that have not ended, at most 100,000."),
    ("runs_needing_attention", "Runs that wait for their owner to say what became of a step."),
    ("due_deliveries", "Messages that are due and not shown yet, at most 100,000."),
    ("outbox_age_seconds", "How long the oldest message that is due has been due."),
)
"""The fields of `Measurements`, with their help. Every process of a database reports the same: do not add them up."""
_CLASSES: Final = (
    ("engine.store", "database"),
    ("engine.worker.embedded", "database"),
    ("engine.worker.distributed", "database"),
    ("engine.worker", "step"),
    ("engine.delivery", "channel"),
    ("bot.slack", "channel"),
    ("slack_", "channel"),
    ("bot.email", "channel"),
    ("bot.web", "http"),
    ("uvicorn", "http"),
)
"""The class of an error by the beginning of its logger's name; the first that fits."""


class Metrics:
    """A `Telemetry` that counts for Prometheus."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the start of each counter, as one more series that no one reads
        self._registry = CollectorRegistry()
        self._measurements: Measurements | None = None
        self._starts = self._counter("started_runs", "Runs that were started.", "surface")
        self._decisions = self._counter("decisions", "Decisions that were saved.", "surface", "state")
        self._refusals = self._counter("refused_decisions", "Decisions that were refused.", "surface", "reason")
        self._waits = self._histogram(
            "decision_wait_seconds", "Time from the opening of a request to its decision.", _DECISION_SECONDS
        )
        self._deliveries = self._counter("deliveries", "Messages that were posted or edited.", "channel")
        self._lags = self._histogram(
            "delivery_lag_seconds",
            "Time from when a message was wanted to when it was posted.",
            _DELIVERY_SECONDS,
            "channel",
        )
        self._failures = self._counter(
            "delivery_failures", "Attempts to show a message that failed.", "channel", "kind"
        )
        self._steps = self._histogram(
            "step_seconds", "Duration of a call of a step.", _STEP_SECONDS, "step_type", "outcome"
        )
        self._answers = self._histogram(
            "answer_seconds", "Time to answer people, Slack and commands.", _ANSWER_SECONDS, "endpoint", "answer"
        )
        self._errors = self._counter("errors", "Errors in the log, by class.", "class")
        for class_ in {name for _, name in _CLASSES} | {"other"}:
            self._errors.labels(class_)  # so that a rate exists before the first error
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"signoff_{name}", help_text, labels, registry=self._registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"signoff_{name}", help_text, labels, buckets=buckets, registry=self._registry)

    def clock(self) -> float:
        """Return seconds on a clock that is never set back."""
        return time.monotonic()

    def started(self, result: Started | Refusal, *, surface: str, began: float) -> None:  # noqa: ARG002
        """Record the start of a run from a surface."""
        if isinstance(result, Started):
            self._starts.labels(surface).inc()

    def decided(self, result: Decided | Refusal, *, request: str, surface: str, began: float) -> None:  # noqa: ARG002
        """Record the result of a decision from a surface."""
        if isinstance(result, Decided):
            # An approval while others are missing is counted as `pending`: the request still waits.
            self._decisions.labels(surface, result.state.value).inc()
            if result.state is not RequestState.PENDING:
                self._waits.observe(result.waited.total_seconds())
        else:
            self._refusals.labels(surface, type(result).__name__).inc()

    def delivered(self, attempt: DeliveryAttempt) -> None:
        """Record an attempt to show a copy; a failed one by what is known of it."""
        if attempt.error is not None:
            self._failures.labels(attempt.channel, failure_kind(attempt.error)).inc()
            return
        self._deliveries.labels(attempt.channel).inc()
        if attempt.lag is not None:
            self._lags.labels(attempt.channel).observe(attempt.lag)

    def moved(self, move: RunMove) -> None:
        """Do nothing: runs are counted by what they do."""

    def called(self, call: StepCall) -> None:
        """Record a call of a step."""
        self._steps.labels(call.step_type, call.outcome).observe(self.clock() - call.began)

    def answered(self, scope: RequestScope) -> None:
        """Record the answer to a request."""
        self._answers.labels(scope.endpoint, scope.answer or "none").observe(self.clock() - scope.began)

    def failed(self, class_: str) -> None:
        """Record an error in the log."""
        self._errors.labels(class_).inc()

    def text(self, measurements: Measurements) -> bytes:
        """Return all metrics, in Prometheus' text format."""
        self._measurements = measurements
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges, as prometheus_client asks its collectors."""
        build = {"version": metadata.version("signoff"), "python": platform.python_version()}
        yield InfoMetricFamily("signoff_build", "The version of Signoff.", value=build)
        for name, help_text in _GAUGES if self._measurements is not None else ():
            yield GaugeMetricFamily(f"signoff_{name}", help_text, value=getattr(self._measurements, name))


class ErrorCounter(logging.Handler):
    """Counts the errors that are logged, by class."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(logging.ERROR)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        """Count the entry."""
        self._metrics.failed(error_class(record))


@contextmanager
def counting_errors(metrics: Metrics) -> Iterator[None]:
    """Count the errors that are logged while the body runs."""
    counter, root = ErrorCounter(metrics), logging.getLogger()
    root.addHandler(counter)
    try:
        yield
    finally:
        root.removeHandler(counter)


def error_class(record: logging.LogRecord) -> str:
    """Return the class of an error in the log: of its exception, or else of the part that logged it."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, StoreError):
        return "database"
    if isinstance(error, ChannelError):
        return "channel"
    return next((name for start, name in _CLASSES if record.name.startswith(start)), "other")


def failure_kind(error: ChannelError) -> str:
    """Return what is known of a failed attempt to show a copy."""
    return "unknown_outcome" if error.outcome_unknown else "permanent" if error.permanent else "temporary"
