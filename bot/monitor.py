"""Tells metrics, traces and the log what this process does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from bot import request_scope
from bot.request_scope import EnteredScope, RequestScope
from bot.settings import Settings
from engine.domain import Decided, Refusal, Started
from engine.errors import SignoffError
from engine.ports import Clock
from engine.telemetry import DeliveryAttempt, RunMove, StepCall

if TYPE_CHECKING:
    from bot.metrics import Metrics
    from bot.traces import Traces


class TracingPackagesMissing(SignoffError):
    """The packages for tracing are not installed."""


class Monitor:
    """A `Telemetry` that tells the metrics and the traces, as far as there are any."""

    def __init__(self, metrics: Metrics | None = None, tracing: Traces | None = None) -> None:
        self.metrics, self.tracing = metrics, tracing
        self._listeners = [listener for listener in (metrics, tracing) if listener is not None]
        self.clock = time.monotonic if self._listeners else _zero

    def request(
        self, endpoint: str, *, id_: str | None = None, parent: str | None = None
    ) -> AbstractContextManager[RequestScope]:
        """Have the body work for a request, and record its answer."""
        entered = request_scope.entered(endpoint, id_=id_)
        return self._recorded(entered, parent) if self._listeners else entered

    @contextmanager
    def _recorded(self, entered: EnteredScope, parent: str | None) -> Iterator[RequestScope]:
        with entered as scope:
            scope.parent = parent
            if self.tracing is not None:
                self.tracing.enter(scope)
            try:
                yield scope
            finally:
                for listener in self._listeners:
                    listener.answered(scope)

    def started(self, result: Started | Refusal, *, surface: str, began: float) -> None:
        """Record the start of a run from a surface."""
        if isinstance(result, Started):
            _note(run=result.run)
        for listener in self._listeners:
            listener.started(result, surface=surface, began=began)

    def decided(self, result: Decided | Refusal, *, request: str, surface: str, began: float) -> None:
        """Record the result of a decision from a surface."""
        _note(run=result.run if isinstance(result, Decided) else None, request=request)
        for listener in self._listeners:
            listener.decided(result, request=request, surface=surface, began=began)

    def delivered(self, attempt: DeliveryAttempt) -> None:
        """Record an attempt to show a copy."""
        for listener in self._listeners:
            listener.delivered(attempt)

    def moved(self, move: RunMove) -> None:
        """Record that a run was moved forward."""
        for listener in self._listeners:
            listener.moved(move)

    def called(self, call: StepCall) -> None:
        """Record a call of a step."""
        for listener in self._listeners:
            listener.called(call)


def _zero() -> float:
    return 0.0


def _note(*, run: str | None = None, request: str | None = None) -> None:
    scope = request_scope.current()
    if scope is not None:
        scope.note(run=run, request=request)


@contextmanager
def open_traces(settings: Settings, environment: Mapping[str, str], clock: Clock) -> Iterator[Traces | None]:
    """Send traces while the body runs, if the setting says so. Raises `TracingPackagesMissing`."""
    if settings.tracing == "off":
        yield None
        return
    try:
        from bot import traces
    except ModuleNotFoundError as error:
        raise TracingPackagesMissing(
            f"SIGNOFF_TRACING needs more packages ({error.name} is missing). Install them: pip install "
            "'signoff[tracing]'"
        ) from None
    with traces.opened(environment, clock) as opened:
        yield opened
