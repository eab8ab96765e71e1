"""Health checks and metrics at a port of their own, asked over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bot import metrics, page_urls, probes
from bot.app import wait_for_run
from bot.devtools.demo.servers import free_port
from bot.metrics import Metrics
from bot.probes import ProbePortTaken, Probes
from engine.domain import Address, Assurance, Decide, Decided, Origin, Verdict
from engine.errors import ChannelError, StoreError
from engine.store.measurements import Measurements
from tests.support.documents import DOCS, Page, Row
from tests.support.server_env import MIA, NOA, ServerEnv, open_server

WORKFLOW = f"""
name: flow
owner: {NOA}
steps:
  - {{id: act, uses: set, with: {{a: 1}}, gate: {{title: May it?, approvers: [{MIA}]}}}}
"""
FAILING = f"""
name: failing
owner: {NOA}
steps:
  - {{id: call, uses: http, with: {{url: "http://127.0.0.1:1/"}}}}
"""


@dataclass(frozen=True)
class ProbedServer:
    """A server, and the address of its probes."""

    env: ServerEnv
    address: str

    async def get(self, path: str) -> tuple[int, str]:
        return await get(f"{self.address}{path}")

    async def metrics(self) -> dict[str, float]:
        """Return each sample by its name and labels."""
        status, text = await self.get("/metrics")
        assert status == 200
        return {
            " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ProbedServer]:
    port = free_port()
    async with open_server(tmp_path, more={"SIGNOFF_PROBE_PORT": str(port)}) as env:
        yield ProbedServer(env, f"http://127.0.0.1:{port}")


async def decide(env: ServerEnv, run: str, *, by: str = MIA) -> object:
    model = (await env.request(run)).model
    return await env.app.engine.decide(
        Decide(
            request=model.id,
            verdict=Verdict.APPROVE,
            actor=Address("email", by),
            content_version=model.content_version,
            digest=model.digest,
            origin=Origin(surface="terminal"),
            assurance=Assurance.TERMINAL,
        )
    )


async def test_a_server_at_work_is_healthy_and_ready(server: ProbedServer) -> None:
    assert await server.get("/healthz") == (200, "ok\n")
    assert await server.get("/readyz") == (200, "ready\n")
    assert (await server.get("/inbox"))[0] == 404, "pages are elsewhere"


async def test_what_waits_and_what_was_decided_is_counted(server: ProbedServer) -> None:
    await server.env.register(WORKFLOW)
    run = await server.env.start("flow")
    await server.env.sandbox.mail.wait_for(to=MIA)
    before = await server.metrics()
    assert before["signoff_pending_requests"] == 1
    assert before["signoff_open_runs"] == 1
    assert isinstance(await decide(server.env, run), Decided)
    await decide(server.env, run)
    after = await server.metrics()
    assert after["signoff_pending_requests"] == 0
    assert after["signoff_decisions_total approved terminal"] == 1
    assert after["signoff_refused_decisions_total AlreadyDecided terminal"] == 1
    assert after["signoff_decision_wait_seconds_count"] == 1
    assert after["signoff_deliveries_total email"] >= 1
    assert after["signoff_delivery_lag_seconds_count email"] >= 1
    _, text = await server.get("/metrics")
    check_labels(text)


async def test_calls_of_steps_and_errors_in_the_log_are_counted(server: ProbedServer) -> None:
    await server.env.register(FAILING)
    before = (await server.metrics())["signoff_errors_total other"]
    await wait_for_run(server.env.app, await server.env.start("failing"))
    logging.getLogger("bot.something").error("trouble")
    after = await server.metrics()
    assert after["signoff_started_runs_total terminal"] == 1
    assert after["signoff_step_seconds_count failed http"] == 1
    assert after["signoff_errors_total other"] == before + 1


@pytest.mark.parametrize(
    ("logger", "error", "class_"),
    [
        ("bot.log", StoreError("full"), "database"),
        ("engine.store.postgres", None, "database"),
        ("engine.worker.runner", ValueError("odd"), "step"),
        ("slack_sdk.socket_mode", None, "channel"),
        ("bot.log", ChannelError("gone"), "channel"),
        ("uvicorn.error", None, "http"),
        ("bot.log", ValueError("odd"), "other"),
    ],
)
def test_an_error_has_the_class_of_its_exception_or_of_the_part_that_logged_it(
    logger: str, error: Exception | None, class_: str
) -> None:
    exception = (type(error), error, None) if error is not None else None
    assert metrics.error_class(logging.LogRecord(logger, logging.ERROR, "", 0, "text", (), exception)) == class_


async def test_an_answer_is_counted_by_the_pattern_of_its_path(server: ProbedServer) -> None:
    for path in ("/inbox", f"{page_urls.OPEN}/secret-token", "/nothing/here"):
        await get(f"{server.env.url}{path}")
    counted = await server.metrics()
    assert counted["signoff_answer_seconds_count 200 GET /inbox"] == 1
    assert counted["signoff_answer_seconds_count 404 an unknown path"] == 1
    assert not [name for name in counted if "secret-token" in name or "nothing" in name]


def metrics_table() -> dict[str, Row]:
    return {row.code(0)[0]: row for row in Page.of("observing.md").table("Metrics")}


def check_labels(text: str) -> None:
    """Check that no metric has a label that its documentation does not name."""
    for family in text_string_to_metric_families(text):
        if family.name.startswith("signoff_"):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert labels <= set(metrics_table()[name].code(2)), name


def exported() -> dict[str, Metric]:
    """Return every metric of ours that is exported, with the names that queries use."""
    text = Metrics().text(Measurements(**dict.fromkeys(Measurements.__struct_fields__, 0)))
    families = {family.name: family for family in text_string_to_metric_families(text.decode())}
    return {f"{name}_total" if family.type == "counter" else name: family for name, family in families.items()}


def test_every_metric_is_documented_and_the_other_way_round() -> None:
    rows = metrics_table()
    ours = {name: family for name, family in exported().items() if name.startswith("signoff_")}
    assert sorted(rows) == sorted(ours)
    for name, family in ours.items():
        assert rows[name][1] == family.type, name
        assert family.documentation, name


def test_the_dashboard_shows_metrics_that_exist_from_the_source_that_is_chosen() -> None:
    dashboard = json.loads((DOCS / "grafana" / "signoff.json").read_text(encoding="utf-8"))
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    drawn = {name for target in targets for name in re.findall(r"\b(?:signoff|process)_\w+", target["expr"])}
    known = exported()
    parts = ("", "_bucket", "_count", "_sum")
    assert not drawn - {f"{name}{part}" for name in known for part in parts}
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in drawn}
    assert {name for name in known if name.startswith("signoff_")} <= shown
    sources = [*targets, *dashboard["panels"]]
    assert {source["datasource"]["uid"] for source in sources} == {"${datasource}"}
    gauges = {name for name, family in known.items() if family.type == "gauge" and name.startswith("signoff_")}
    for target in targets:
        if gauges & set(re.findall(r"\bsignoff_\w+", target["expr"])):
            assert target["expr"].startswith(("max(", "count by")), "every process shows the same"


async def test_metrics_name_no_person_and_no_content(server: ProbedServer) -> None:
    await server.env.register(WORKFLOW)
    await decide(server.env, await server.env.start("flow"))
    _, text = await server.get("/metrics")
    assert MIA not in text
    assert "May it?" not in text


@pytest.mark.parametrize("trouble", [StoreError("The database is full."), TimeoutError()])
async def test_a_database_that_does_not_answer_makes_the_process_not_ready(trouble: Exception) -> None:
    async def measure() -> Measurements:
        raise trouble

    async def ask() -> None:
        raise trouble

    handlers = Probes(measure, ask, Metrics())
    async with probes.serving(handlers, host="127.0.0.1", port=0) as port:
        assert await get(f"http://127.0.0.1:{port}/healthz") == (200, "ok\n")
        assert (await get(f"http://127.0.0.1:{port}/readyz"))[0] == 503
        assert (await get(f"http://127.0.0.1:{port}/metrics"))[0] == 503


async def test_a_process_that_stops_is_healthy_and_not_ready() -> None:
    async def ask() -> None:
        pass

    handlers = Probes(_never, ask, Metrics())
    async with probes.serving(handlers, host="127.0.0.1", port=0) as port:
        assert (await get(f"http://127.0.0.1:{port}/readyz"))[0] == 200
        handlers.stop()
        assert await get(f"http://127.0.0.1:{port}/readyz") == (503, "stopping\n")
        assert (await get(f"http://127.0.0.1:{port}/healthz"))[0] == 200


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        with pytest.raises(ProbePortTaken, match=f"port {port} cannot be used"):
            async with probes.serving(Probes(_never, _never, Metrics()), host="127.0.0.1", port=port):
                pass


async def _never() -> Any:
    raise AssertionError("it was asked")
