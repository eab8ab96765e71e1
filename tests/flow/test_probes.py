"""Health checks and metrics at a port of their own, asked over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import probes
from bot.devtools.demo.servers import free_port
from bot.metrics import Metrics
from bot.probes import ProbePortTaken, Probes
from engine.domain import Address, Assurance, Decide, Decided, Origin, Verdict
from engine.errors import StoreError
from engine.store.measurements import Measurements
from tests.support.server_env import MIA, NOA, ServerEnv, open_server

WORKFLOW = f"""
name: flow
owner: {NOA}
steps:
  - {{id: act, uses: set, with: {{a: 1}}, gate: {{title: May it?, approvers: [{MIA}]}}}}
"""
NOTHING = Measurements(pending_requests=0, open_runs=0, runs_needing_attention=0, due_copies=0, outbox_seconds=0)


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

    handlers = Probes(measure, Metrics())
    async with probes.serving(handlers, host="127.0.0.1", port=0) as port:
        assert await get(f"http://127.0.0.1:{port}/healthz") == (200, "ok\n")
        assert (await get(f"http://127.0.0.1:{port}/readyz"))[0] == 503
        assert (await get(f"http://127.0.0.1:{port}/metrics"))[0] == 503


async def test_a_process_that_stops_is_healthy_and_not_ready() -> None:
    async def measure() -> Measurements:
        return NOTHING

    handlers = Probes(measure, Metrics())
    async with probes.serving(handlers, host="127.0.0.1", port=0) as port:
        assert (await get(f"http://127.0.0.1:{port}/readyz"))[0] == 200
        handlers.stopping = True
        assert await get(f"http://127.0.0.1:{port}/readyz") == (503, "stopping\n")
        assert (await get(f"http://127.0.0.1:{port}/healthz"))[0] == 200


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        with pytest.raises(ProbePortTaken, match=f"port {port} cannot be used"):
            async with probes.serving(Probes(_never, Metrics()), host="127.0.0.1", port=port):
                pass


async def _never() -> Measurements:
    raise AssertionError("it was asked")
