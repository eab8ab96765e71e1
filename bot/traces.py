"""Traces of runs with OpenTelemetry: from the click to the last update of a copy, over all processes.

The spans of a run are one trace. Its id, and the ids of spans that others follow from, are derived from the ids of the
run (`bot.trace_ids`), so every process knows them and no table holds them. A span is made when its work is done,
because only then is it known which run it belongs to.

    POST /slack/events           what took the first command; it has no parent
      start                      the run; what comes later follows from it
        deliver                  each copy of the request
        POST /slack/events       the click
          decide
            deliver              each copy that shows the decision
            advance              the run moves on, and stops to call a step
              call
              advance            what follows from its outcome
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from bot import request_scope
from bot.request_scope import RequestScope
from bot.trace_ids import span_id, trace_id
from engine.domain import Decided, Refusal, RequestState, Started
from engine.ports import Clock, StepContext
from engine.telemetry import DeliveryAttempt, RunMove, StepCall

STOP_SECONDS: Final = 3.0
"""How long a process that stops waits for the collector, in seconds."""
_VARIABLES: Final = "OTEL_"
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
_RANDOM: Final = RandomIdGenerator()


class ChosenIds(IdGenerator):
    """Gives the next span the ids that were chosen for it, and other spans random ones."""

    def __init__(self) -> None:
        self.trace, self.span = 0, 0

    def generate_span_id(self) -> int:
        """Return the id that was chosen, or a random one."""
        return self.span or _RANDOM.generate_span_id()

    def generate_trace_id(self) -> int:
        """Return the id that was chosen, or a random one."""
        return self.trace or _RANDOM.generate_trace_id()


class Traces:
    """A `Telemetry` that writes spans: ids, types, counts and outcomes, and never a name, a content or an address."""

    def __init__(self, provider: TracerProvider, ids: ChosenIds, clock: Clock) -> None:
        self._ids, self._wall, self._sampler = ids, clock, provider.sampler
        self._tracer = provider.get_tracer("signoff", metadata.version("signoff"))
        self.clock = time.monotonic

    def enter(self, scope: RequestScope) -> None:
        """Choose the id of the span of a request, so that spans can follow from it before it ends."""
        scope.span = _RANDOM.generate_span_id()

    def answered(self, scope: RequestScope) -> None:
        """Write the span of a request that acted on a run, was refused, or failed. The others change nothing."""
        failed = scope.answer is not None and scope.answer.startswith("5")
        if scope.run is None and scope.refusal is None and not failed:
            return
        attributes: dict[str, AttributeValue] = {"signoff.request_id": scope.id}
        if scope.refusal is not None:
            attributes["signoff.refusal"] = scope.refusal
        if scope.answer is not None and scope.answer.isdecimal():
            attributes["http.response.status_code"] = int(scope.answer)
        self._write(
            scope.endpoint,
            scope.run,
            began=scope.began,
            id_=scope.span,
            parent=0 if scope.run is None or scope.has_started else span_id(scope.run, "start"),
            attributes=attributes,
            links=_links(scope.parent),
            kind=SpanKind.SERVER,
            failed=failed,
        )

    def started(self, result: Started | Refusal, *, surface: str, began: float) -> None:
        """Write the span of a run that was started."""
        scope = request_scope.current()
        if isinstance(result, Refusal):
            _note_refusal(scope, result)
        elif result.created:
            parent = scope.span if scope is not None and scope.run == result.run else 0
            if scope is not None and parent:
                scope.has_started = True
            self._write(
                "start",
                result.run,
                began=began,
                id_=span_id(result.run, "start"),
                parent=parent,
                attributes={"signoff.surface": surface},
            )

    def decided(self, result: Decided | Refusal, *, request: str, surface: str, began: float) -> None:
        """Write the span of a decision, below the request that brought it."""
        scope = request_scope.current()
        if isinstance(result, Refusal):
            _note_refusal(scope, result)
            return
        own = scope is not None and scope.run == result.run
        self._write(
            "decide",
            result.run,
            began=began,
            id_=_decision_span(result),
            parent=scope.span if scope is not None and own else span_id(result.run, "start"),
            attributes={
                "signoff.request": request,
                "signoff.decision": result.decision,
                "signoff.step": result.step,
                "signoff.visit": result.visit,
                "signoff.surface": surface,
                "signoff.state": result.state.value,
                "signoff.edits": len(result.edited),
            },
            links=_links_to(scope) if not own else (),
        )

    def delivered(self, attempt: DeliveryAttempt) -> None:
        """Write the span of an attempt to show a copy of a run, below the decision that it shows."""
        if attempt.run is None:
            return
        above = ("start",) if attempt.step is None else (attempt.step, attempt.visit)
        attributes: dict[str, AttributeValue] = {
            "signoff.channel": attempt.channel,
            "signoff.delivery_kind": attempt.kind,
            "signoff.first": attempt.lag is not None,
        }
        if attempt.request is not None:
            attributes["signoff.request"] = attempt.request
        self._write(
            "deliver",
            attempt.run,
            began=attempt.began,
            parent=span_id(attempt.run, *above),
            attributes=attributes,
            kind=SpanKind.CLIENT,
            failed=attempt.error is not None,
        )

    def moved(self, move: RunMove) -> None:
        """Write the span of a move of a run, below what moved it: a decision, a call, or the start."""
        above: tuple[str | int, ...] = ("advance", move.after) if move.after else ("start",)
        attributes: dict[str, AttributeValue] = {}
        if move.step is not None:
            attributes = {"signoff.step": move.step, "signoff.visit": move.visit}
            above = (move.step, move.visit) if move.approved else above
        self._write(
            "advance",
            move.run,
            began=move.began,
            id_=span_id(move.run, "advance", move.rev) if move.rev else 0,
            parent=span_id(move.run, *above),
            attributes=attributes,
        )

    def called(self, call: StepCall) -> None:
        """Write the span of a call of a step."""
        self._write(
            "call",
            call.run,
            began=call.began,
            id_=_call_id(call),
            parent=span_id(call.run, "advance", call.rev),
            attributes={
                "signoff.step": call.step,
                "signoff.step_type": call.step_type,
                "signoff.visit": call.visit,
                "signoff.attempt": call.attempt,
                "signoff.outcome": call.outcome,
            },
            failed=call.outcome != "succeeded",
        )

    def traceparent(self, context: StepContext) -> str:
        """Return the header by which a called service writes its spans below that of the call."""
        flags = self._flags(trace_id(context.run))
        return f"00-{trace_id(context.run):032x}-{_call_id(context):016x}-{flags:02x}"

    def _write(
        self,
        name: str,
        run: str | None,
        *,
        began: float,
        parent: int,
        attributes: Mapping[str, AttributeValue],
        id_: int = 0,
        links: tuple[Link, ...] = (),
        kind: SpanKind = SpanKind.INTERNAL,
        failed: bool = False,
    ) -> None:
        """Write a span that ends now. Without a run, it gets a trace of its own."""
        ended = int(self._wall.now().timestamp() * 1e9)
        trace_of_run = trace_id(run) if run is not None else 0
        self._ids.trace, self._ids.span = trace_of_run, id_
        span = self._tracer.start_span(
            name,
            context=self._below(trace_of_run, parent) if parent else Context(),
            kind=kind,
            attributes={**attributes, "signoff.run": run} if run is not None else attributes,
            links=links,
            start_time=ended - int((self.clock() - began) * 1e9),
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def _below(self, trace_of_run: int, parent: int) -> Context:
        """Return the context of a span that another process may write, sampled as the whole trace is."""
        above = SpanContext(trace_of_run, parent, is_remote=True, trace_flags=self._flags(trace_of_run))
        return trace.set_span_in_context(NonRecordingSpan(above), Context())

    def _flags(self, trace_of_run: int) -> TraceFlags:
        """Return the flags of a trace: whether it is sampled."""
        decision = self._sampler.should_sample(Context(), trace_of_run, "start").decision
        return TraceFlags(TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)


def _call_id(call: StepCall | StepContext) -> int:
    return span_id(call.run, "call", call.step, call.visit, call.attempt)


def _note_refusal(scope: RequestScope | None, refusal: Refusal) -> None:
    if scope is not None:
        scope.refusal = type(refusal).__name__


def _decision_span(result: Decided) -> int:
    """Return the id of the span of a decision. Later spans are below the one that closed the request."""
    if result.state is RequestState.PENDING:
        return span_id(result.run, "vote", result.decision)
    return span_id(result.run, result.step, result.visit)


def _links_to(scope: RequestScope | None) -> tuple[Link, ...]:
    """Return a link to a request that acts on several runs: its span is in the trace of the first."""
    if scope is None or scope.run is None:
        return ()
    return (Link(SpanContext(trace_id(scope.run), scope.span, is_remote=False)),)


def _links(traceparent: str | None) -> tuple[Link, ...]:
    """Return a link to the span of a proxy: https://www.w3.org/TR/trace-context/"""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None:
        return ()
    context = SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True)
    return (Link(context),) if context.is_valid else ()


@contextmanager
def opened(environment: Mapping[str, str], clock: Clock, *, stop_seconds: float = STOP_SECONDS) -> Iterator[Traces]:
    """Send spans to a collector, as the variables `OTEL_*` say, while the body runs; send the rest at the end."""
    for name, value in environment.items():
        if name.startswith(_VARIABLES):
            os.environ.setdefault(name, value)  # the SDK reads only these, and not the file of settings
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    attributes = {"service.version": metadata.version("signoff")} | ({} if named else {"service.name": "signoff"})
    ids = ChosenIds()
    provider = TracerProvider(id_generator=ids, resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Traces(provider, ids, clock)
    finally:
        _stop(provider, stop_seconds)


def _stop(provider: TracerProvider, seconds: float) -> None:
    """Send the spans that are left, for at most this long: the collector may not answer."""
    stopping = threading.Thread(target=provider.shutdown, name="traces", daemon=True)
    stopping.start()
    stopping.join(seconds)
