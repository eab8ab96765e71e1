"""Traces of runs, as a collector receives them over OTLP from a server that is clicked, and from several processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bot import page_urls, trace_ids, traces
from bot.app import wait_for_run
from bot.devtools.sandbox import AppConfig
from bot.monitor import Monitor
from bot.slack.transport import PATH, SOCKET
from engine.domain import Decided, RequestState, Started
from engine.ports import StepContext
from engine.system import SystemClock
from engine.telemetry import RunMove
from tests.support.http_service import HttpService, open_http_service
from tests.support.server_env import ServerEnv, open_server
from tests.support.slack_env import copy_of
from tests.support.span_receiver import ReceivedSpan, SpanReceiver, receiving_spans

CLICK = f"POST {PATH}"
PROXY = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""The `traceparent` of a proxy."""
ATTRIBUTES = {
    *("http.response.status_code", "signoff.request_id"),
    *(f"signoff.{name}" for name in ("run", "request", "decision", "step", "visit", "attempt", "edits", "first")),
    *(f"signoff.{name}" for name in ("surface", "state", "channel", "delivery_kind", "step_type", "outcome")),
}
ATTRIBUTES_OF_NO_SPAN = ("Miller", "DE89370400440532013000", "Pay a supplier", "iban", "@example.com")
CALLING = """\
name: pay
title: Pay a supplier
steps:
  - id: pay
    uses: http
    with: {method: POST, url: "URL/pay", json: {iban: DE89370400440532013000}}
    gate: {title: "Pay Miller Ltd?", approvers: [WHO]}
"""


@pytest.fixture
def collector() -> Iterator[SpanReceiver]:
    with receiving_spans() as receiver:
        yield receiver


@pytest.fixture
def payments() -> Iterator[HttpService]:
    with open_http_service() as service:
        yield service


def trace_of(run: str) -> str:
    return f"{trace_ids.trace_id(run):032x}"


def named(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (span,) = [span for span in spans if span.name == name]
    return span


async def click_through(env: ServerEnv, payments: HttpService) -> str:
    """Start a run that asks a person in Slack, have them approve it, and return it when all is shown."""
    ada = env.sandbox.person("ada")
    await env.register(CALLING.replace("URL", payments.url).replace("WHO", ada.user.email))
    run = await env.start("pay")
    await env.sandbox.until(ada.sees)
    await ada.click("Approve", on=copy_of(ada, "Pay Miller Ltd?"))
    await wait_for_run(env.app, run)
    await env.sandbox.until(lambda: env.app.executor is not None and env.app.executor.idle)
    assert payments.count(run) == 1
    return run


async def test_a_click_its_decision_the_updates_and_the_effect_are_one_tree(
    tmp_path: Path, collector: SpanReceiver, payments: HttpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    settings = {"SIGNOFF_TRACING": "on", "SIGNOFF_HTTP_ALLOW": "127.0.0.1"}
    async with open_server(tmp_path, in_slack=True, more=settings) as env:
        run = await click_through(env, payments)
    assert collector.tree(trace_of(run)) == {
        "": ["start"],
        "start": ["POST /slack/events", "deliver"],
        "start > POST /slack/events": ["decide"],
        # Of the copy in Slack, and of the outcome for the requester.
        "start > POST /slack/events > decide": ["advance", "deliver", "deliver"],
        "start > POST /slack/events > decide > advance": ["advance", "call"],
    }
    spans = [span for span in collector.spans if span.trace == trace_of(run)]
    click, decision, call = (named(spans, name) for name in (CLICK, "decide", "call"))
    assert click.began <= decision.began <= decision.ended <= click.ended, "the click is answered after the commit"
    assert decision.attributes["signoff.state"] == "approved"
    assert call.attributes["signoff.outcome"] == "succeeded"
    assert call.ended >= decision.ended
    assert [post.traceparent for post in payments.posts] == [f"00-{call.trace}-{call.id}-01"]


async def test_a_click_that_comes_over_a_socket_is_in_the_tree_as_well(
    tmp_path: Path, collector: SpanReceiver, payments: HttpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    settings = {
        "SIGNOFF_TRACING": "on",
        "SIGNOFF_HTTP_ALLOW": "127.0.0.1",
        "SIGNOFF_SLACK_SIGNING_SECRET": "",
        "SIGNOFF_SLACK_APP_TOKEN": AppConfig().app_token,
    }
    async with open_server(tmp_path, in_slack=True, more=settings) as env:
        env.sandbox.app.request_url = None
        await env.sandbox.until(lambda: env.sandbox.slack.sockets.of(env.sandbox.app.id))
        run = await click_through(env, payments)
    assert collector.tree(trace_of(run))[f"start > {SOCKET}"] == ["decide"]


async def test_spans_have_ids_types_counts_and_outcomes_and_nothing_else(
    tmp_path: Path, collector: SpanReceiver, payments: HttpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    payments.status = 500
    settings = {"SIGNOFF_TRACING": "on", "SIGNOFF_HTTP_ALLOW": "127.0.0.1"}
    async with open_server(tmp_path, in_slack=True, more=settings) as env:
        run = await click_through(env, payments)
        headers = {"traceparent": PROXY, "X-Request-Id": "proxy-17"}
        async with aiohttp.ClientSession() as session:
            await session.post(f"{env.url}{PATH}", data=b"forged", headers=headers)
            await session.get(f"{env.url}{page_urls.OPEN}/a-secret-token")
        secrets = [env.sandbox.app.bot_token, env.sandbox.app.signing_secret]
        user = env.sandbox.person("ada").user
    sent = b"".join(collector.raw).decode("utf-8", "replace")
    for text in (*secrets, *ATTRIBUTES_OF_NO_SPAN, user.id, user.email, user.real_name, "a-secret-token", payments.url):
        assert text not in sent, text
    spans = [span for span in collector.spans if span.trace == trace_of(run)]
    assert named(spans, "call").failed
    assert {key for span in spans for key in span.attributes} == ATTRIBUTES
    assert {span.name for span in collector.spans} == {"start", CLICK, "decide", "deliver", "advance", "call"}


async def test_the_span_of_a_proxy_is_linked(collector: SpanReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    with traces.opened({}, SystemClock()) as tracing:
        monitor = Monitor(tracing=tracing)
        for parent in (PROXY, "00-0-0-01", "", f"{PROXY}\n"):
            with monitor.request("POST /review", parent=parent) as scope:
                scope.note(run="r1")
    assert [span.links for span in collector.spans] == [((PROXY[3:35], PROXY[36:52]),), (), (), ()]


async def test_a_request_that_acts_on_several_runs_is_in_the_trace_of_the_first(
    collector: SpanReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    with traces.opened({}, SystemClock()) as tracing:
        monitor = Monitor(tracing=tracing)
        with monitor.request("command start"):
            for run in ("r1", "r2"):
                monitor.started(Started(run=run), surface="terminal", began=monitor.clock())
                result = Decided(run=run, request="q", decision="d", state=RequestState.APPROVED, step="s", visit=1)
                monitor.decided(result, request="q", surface="terminal", began=monitor.clock())
    assert collector.tree(trace_of("r1")) == {
        "": ["command start"],
        "command start": ["decide", "start"],
    }
    assert collector.tree(trace_of("r2")) == {"": ["start"], "start": ["decide"]}
    endpoint = named(collector.spans, "command start")
    (other,) = [span for span in collector.spans if span.trace == trace_of("r2") and span.name == "decide"]
    assert other.links == ((endpoint.trace, endpoint.id),)


def call_of(run: str) -> StepContext:
    return StepContext(run=run, step="pay", visit=1, attempt=1, idempotency_key="k", timeout=timedelta(seconds=5))


def test_a_sampler_keeps_whole_runs(collector: SpanReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in collector.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    runs = [f"run{number}" for number in range(40)]
    with traces.opened({}, SystemClock()) as tracing:
        for run in runs:
            tracing.started(Started(run=run), surface="web", began=0.0)
            tracing.moved(RunMove(run=run, began=0.0))
        told = [tracing.traceparent(call_of(run)) for run in runs]
    counts = [sum(span.trace == trace_of(run) for span in collector.spans) for run in runs]
    assert set(counts) == {0, 2}
    assert [header.endswith("-01") for header in told] == [count == 2 for count in counts]


STOPPED_BY_TIME = """\
import time
from bot import traces
from engine.domain import Started
from engine.system import SystemClock
began = time.monotonic()
with traces.opened({}, SystemClock(), stop_seconds=0.1) as tracing:
    tracing.started(Started(run="r1"), surface="web", began=0.0)
assert time.monotonic() - began < 5, "the exporter alone would wait for 10 seconds"
"""


def test_a_collector_that_does_not_answer_delays_nothing(tmp_path: Path) -> None:
    # In a process of its own: the exporter goes on for a while, and would log into the tests that come after this one.
    with socket.create_server(("127.0.0.1", 0)) as listener:  # it never answers
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        subprocess.run([sys.executable, "-c", STOPPED_BY_TIME], check=True, cwd=tmp_path, env=environment, timeout=60)


def test_no_exporter_is_imported_while_tracing_is_off(tmp_path: Path) -> None:
    # FastAPI itself imports the API of OpenTelemetry, which does nothing, where it is installed.
    script = (
        "import sys, bot.app, bot.probes, bot.metrics\n"
        "heavy = ('opentelemetry.sdk', 'opentelemetry.exporter', 'requests', 'google')\n"
        "assert not [name for name in sys.modules if name.startswith(heavy)]"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, timeout=60)
