"""A bot with a local Slack, the workflow for asks, an API key, and a receiver of callbacks, for `signoff bench api`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from bot.devtools.bench.http_load import LoadClient, request_bytes
from bot.devtools.bench.slack_env import BenchFailed, SlackBenchEnv, SlackLimits, open_slack_env
from engine import json_values
from engine.json_values import Value

_WORKFLOW: Final = """\
name: approvals
title: Tool calls of agents
rules:
  - gate: {approvers: [PERSON]}
"""
_CALLBACK_SECONDS: Final = 60.0
_PER_MINUTE: Final = 1_000_000
"""The rate of the key, which no measurement reaches."""


@dataclass(frozen=True, slots=True)
class BenchAsk:
    """An ask that waits for its decision."""

    id: str
    request: str


class CallbackReceiver:
    """Takes callbacks, and remembers when the first one about the end of each ask came."""

    def __init__(self) -> None:
        self._came: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        """Take one callback."""
        at, body = asyncio.get_running_loop().time(), msgspec.json.decode(await request.read())
        if body["data"]["status"] != "pending":
            self._came.setdefault(body["data"]["id"], at)
            self._changed.set()
        return web.Response(status=204)

    async def wait_for(self, asks: Iterable[str]) -> dict[str, float]:
        """Return when the callback of each of these asks came, by the clock of the loop. Raises `BenchFailed`."""
        wanted = frozenset(asks)
        try:
            async with asyncio.timeout(_CALLBACK_SECONDS):
                while not wanted <= self._came.keys():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            missing = len(wanted - self._came.keys())
            raise BenchFailed(f"{missing} callbacks have not come after {_CALLBACK_SECONDS:g} seconds.") from None
        return self._came


@asynccontextmanager
async def _receiving() -> AsyncIterator[tuple[CallbackReceiver, str]]:
    """Listen for callbacks while the body runs."""
    receiver, app = CallbackReceiver(), web.Application()
    app.router.add_post("/", receiver.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield receiver, f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class ApiEnv:
    """The bot. `key`: the text of the API key of the programs."""

    slack: SlackBenchEnv
    port: int
    key: str
    endpoint: str
    callbacks: CallbackReceiver

    @property
    def pid(self) -> int:
        """The id of the bot's process."""
        return self.slack.pid

    def ask(self, number: int, *, callback: bool = False) -> bytes:
        """Return the bytes of an ask, different for each number."""
        body: dict[str, Value] = {
            "title": f"Refund order {number}?",
            "tool": "refund",
            "arguments": {"order": f"A-{number}", "amount": "120.00 EUR", "reason": "The parcel never came."},
            **({"callback": self.endpoint} if callback else {}),
        }
        headers = {**self._headers, "Idempotency-Key": f"bench-{number}"}
        return request_bytes("POST", "/api/v1/asks", headers, json_values.dumps(body).encode())

    async def create(self, client: LoadClient, number: int) -> BenchAsk:
        """Ask, with a callback. Raises `BenchFailed`."""
        answer = await client.send(self.ask(number, callback=True))
        facts: dict[str, Any] = msgspec.json.decode(answer.body)
        if answer.status != 201:
            raise BenchFailed(f"An ask was answered with {answer.status}: {facts}")
        return BenchAsk(facts["id"], facts["request"]["id"])

    def wait(self, ask: BenchAsk) -> bytes:
        """Return the bytes of a long poll."""
        return request_bytes("GET", f"/api/v1/asks/{ask.id}?wait=60s", self._headers)

    async def approve(self, ask: BenchAsk) -> None:
        """Approve an ask as the operator of the machine."""
        await self.slack.command("decide", {"request": ask.request, "verdict": "approve", "edits": {}})

    def stored_asks(self) -> int:
        """Return the number of asks in the database, read through another connection."""
        with closing(sqlite3.connect(self.slack.database)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM ask").fetchone()
        return int(count)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@asynccontextmanager
async def open_api_env() -> AsyncIterator[ApiEnv]:
    """Run the bot and the receiver of callbacks. Raises `BenchFailed`."""
    async with AsyncExitStack() as stack:
        receiver, url = await stack.enter_async_context(_receiving())
        # The operator decides as the one person of the workspace, who is the approver.
        more = {"HTTP_ALLOW": "127.0.0.1", "OPERATOR": "person0@example.com"}
        slack = await stack.enter_async_context(open_slack_env(people=1, limits=SlackLimits(1), more=more))
        await slack.register(_WORKFLOW.replace("PERSON", slack.people[0].user.email))
        made = await slack.command("create_api_key", {"name": "Bench", "actions": ["ask"], "per_minute": _PER_MINUTE})
        endpoint = await slack.command("add_callback", {"key": "Bench", "url": url})
        yield ApiEnv(slack, slack.port, str(made["key"]), str(endpoint["id"]), receiver)
