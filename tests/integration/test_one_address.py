"""The URL of a call is the same on the card, in the record and on the wire, also for runs of older versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from engine.domain import StepStatus, Verdict
from engine.ports import StepType
from engine.steps.http import HttpStep
from engine.steps.set import SetStep
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine

FLOW = """
name: flow
owner: sam@example.com
inputs: {order: text}
steps:
  - id: pay
    uses: http
    with: {method: POST, url: "URL/orders/{{ inputs.order }}/refund"}
    gate: {approvers: [lee@example.com]}
"""
STEPS: dict[str, StepType[Any]] = {"set": SetStep(), "http": HttpStep(allow=["127.0.0.1"])}


class CalledServer:
    """The called server: it records the targets of the requests."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.targets.append(request.raw_path)
        return web.json_response({})


@pytest.fixture
async def called() -> Any:
    server, app = CalledServer(), web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


async def start_waiting_run(env: EngineEnv, called: CalledServer, order: str) -> str:
    await env.register(FLOW.replace("URL", called.url))
    run = await env.start(order=order)
    await env.settle()
    return run


async def test_card_record_and_call_have_one_address(
    tmp_path: Path, open_database: OpenStore, called: CalledServer
) -> None:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps=STEPS) as env:
        run = await start_waiting_run(env, called, "A 1/x?y#z;v=1")
        target = "/orders/A%201%2Fx%3Fy%23z%3Bv%3D1/refund"
        assert f"{called.url}{target}" in repr(env.channel.of("lee@example.com"))
        await env.decide(run, Verdict.APPROVE)
        await env.settle()
        assert (await env.view(run)).steps[0].status is StepStatus.SUCCEEDED
        assert called.targets == [target]
        stored = await env.store.read(
            lambda connection: str(connection.execute(text("SELECT content FROM request")).scalar())
        )
        assert f"{called.url}{target}" in stored


@pytest.mark.parametrize("order", ["7/../../admin", "7/%2e%2e/admin", "7#"])
async def test_a_content_approved_by_an_older_version_is_not_called_at_another_address(
    tmp_path: Path, open_database: OpenStore, called: CalledServer, order: str
) -> None:
    """A request that an older version opened is approved with its own content and digest."""
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps=STEPS) as env:
        # The file has the complete URL, as an older version would have rendered it.
        await env.register(FLOW.replace("URL/orders/{{ inputs.order }}/refund", f"{called.url}/orders/ORDER/refund"))
        run = await env.start(order="7")
        await env.settle()
        request = (await env.request(run)).model
        older = request.content.value | {"url": f"{called.url}/orders/{order}/refund"}
        digest = request.subject.digest(type(request.content)(older, request.content.secrets))
        forged = "UPDATE request SET content = replace(content, 'orders/ORDER', :order), digest = :digest"
        values = {"order": f"orders/{order}", "digest": digest}
        await env.store.transact(lambda tx: tx.connection.execute(text(forged), values).close())
        await env.decide(run, Verdict.APPROVE)
        await env.settle()
        step = (await env.view(run)).steps[0]
        assert step.status is StepStatus.FAILED
        assert "leads elsewhere" in str(step.error)
        assert called.targets == []
