"""The address of a call: the same on the card, in the record and on the wire, also for runs that began before."""

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


class Other:
    """The other side: the targets of the requests that came."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.targets.append(request.raw_path)
        return web.json_response({})


@pytest.fixture
async def other() -> Any:
    there, app = Other(), web.Application()
    app.router.add_route("*", "/{tail:.*}", there.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield there
    await runner.cleanup()


async def waiting(home: EngineEnv, other: Other, order: str) -> str:
    await home.register(FLOW.replace("URL", other.url))
    run = await home.start(order=order)
    await home.settle()
    return run


async def test_card_record_and_call_have_one_address(tmp_path: Path, other: Other) -> None:
    async with open_engine(tmp_path / "signoff.db", steps=STEPS) as home:
        run = await waiting(home, other, "A 1/x?y#z;v=1")
        target = "/orders/A%201%2Fx%3Fy%23z%3Bv%3D1/refund"
        assert f"{other.url}{target}" in repr(home.channel.of("lee@example.com"))
        await home.decide(run, Verdict.APPROVE)
        await home.settle()
        assert (await home.view(run)).steps[0].status is StepStatus.SUCCEEDED
        assert other.targets == [target]
        stored = await home.store.read(
            lambda connection: str(connection.execute(text("SELECT content FROM request")).scalar())
        )
        assert f"{other.url}{target}" in stored


@pytest.mark.parametrize("order", ["7/../../admin", "7/%2e%2e/admin", "7#"])
async def test_what_was_approved_before_values_kept_their_place_is_not_called_elsewhere(
    tmp_path: Path, other: Other, order: str
) -> None:
    """Such a request was opened by an older version: its content is approved as it is, with its digest."""
    async with open_engine(tmp_path / "signoff.db", steps=STEPS) as home:
        # A whole address of the file, so that it is what an older version would have put together.
        await home.register(FLOW.replace("URL/orders/{{ inputs.order }}/refund", f"{other.url}/orders/ORDER/refund"))
        run = await home.start(order="7")
        await home.settle()
        asked = (await home.request(run)).model
        older = asked.content.value | {"url": f"{other.url}/orders/{order}/refund"}
        digest = asked.subject.digest(type(asked.content)(older, asked.content.secrets))
        forged = "UPDATE request SET content = replace(content, 'orders/ORDER', :order), digest = :digest"
        given = {"order": f"orders/{order}", "digest": digest}
        await home.store.transact(lambda tx: tx.connection.execute(text(forged), given).close())
        await home.decide(run, Verdict.APPROVE)
        await home.settle()
        step = (await home.view(run)).steps[0]
        assert step.status is StepStatus.FAILED
        assert "leads elsewhere" in str(step.error)
        assert other.targets == []
