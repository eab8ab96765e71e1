"""The API over real HTTP, before an engine on a database, with keys that an admin created."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from msgspec import structs

from bot.api import setup
from bot.api.setup import OpenedApi
from bot.devtools.demo.servers import free_port
from bot.web import routes, server
from bot.web.connections import ConnectionLimits
from engine import json_values
from engine.domain import Address, Decided, Verdict
from engine.domain.api_keys import ApiAction, ApiKeyMade, CreateApiKey
from engine.ports import Clock, StepType
from engine.read_models import RequestView
from engine.service import ApiKeys, Engine
from engine.store.port import Store
from engine.store.punctual import PunctualStore
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.fakes import FakeClock

LIMITS: Final = ConnectionLimits(api_connections=1_000)
ALL: Final = (ApiAction.ASK, ApiAction.START, ApiAction.READ)
APPROVALS: Final = """\
name: approvals
title: Tool calls of agents
owner: sam@example.com
steps:
  - id: ask
    uses: ask
    gate: {approvers: [lee@example.com], edit: [amount, note]}
"""
FREE: Final = """\
name: free
title: Calls that no one is asked about
owner: sam@example.com
steps:
  - {id: ask, uses: ask}
"""
PLAIN: Final = """\
name: pay
title: Pay a supplier
owner: sam@example.com
inputs:
  amount: {type: money, currency: EUR}
  note: {type: text, default: rent}
steps:
  - {id: pay, uses: set, with: {paid: "{{ inputs.amount }}"}, gate: {approvers: [lee@example.com]}}
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. `text`: as it came; `body`: the JSON in it, with exact numbers."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json_values.loads(self.text)

    @property
    def code(self) -> str:
        """The code of a problem, whose form is checked."""
        assert self.headers["Content-Type"] == "application/problem+json", self.text
        assert {"type", "title", "status", "detail", "code"} <= set(self.body), self.text
        assert self.body["status"] == self.status
        code: str = self.body["code"]
        return code


@dataclass
class ApiEnv:
    """A running API. `key`: the text of a key that may do everything."""

    env: EngineEnv
    session: aiohttp.ClientSession
    url: str
    port: int
    api: OpenedApi
    key: str

    async def new_key(self, name: str, *, actions: tuple[ApiAction, ...] = ALL, **limits: Any) -> str:
        return await new_key(self.env.engine, name, actions=actions, **limits)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Call the API. `body`: sent as JSON with exact numbers. `raw`: sent as it is. `key`: "" sends none."""
        sent = {"Authorization": f"Bearer {self.key if key is None else key}"} if key != "" else {}
        data = raw if body is None else json_values.encoded(json_values.clean(body))
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self.session.request(
            method, f"{self.url}/api/v1{path}", data=data, headers=sent, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.text())

    async def ask(self, title: str = "Refund?", *, key: str | None = None, **content: Any) -> dict[str, Any]:
        """Create an ask, and return it."""
        reply = await self.call("POST", "/asks", {"title": title, **content}, key=key)
        assert reply.status == 201, reply.text
        created: dict[str, Any] = reply.body
        return created

    async def decide(
        self, ask: str, verdict: Verdict = Verdict.APPROVE, *, by: Address = LEE, **typed: Any
    ) -> RequestView:
        """Decide the open request of an ask, as an approver does in Slack."""
        request = await self.env.request(ask)
        decided = await self.env.decide(ask, verdict, by=by, **typed)
        assert isinstance(decided, Decided), decided
        await self.env.settle()
        return request


async def new_key(engine: Engine, name: str, *, actions: tuple[ApiAction, ...] = ALL, **limits: Any) -> str:
    """Create a key as an admin does, and return its text."""
    command = CreateApiKey(name=name, actor=SAM, origin=TERMINAL, actions=actions, per_minute=1_000_000)
    made = await ApiKeys(engine).create(_with(command, limits))
    assert isinstance(made, ApiKeyMade), made
    return made.text


def _with(command: CreateApiKey, limits: Mapping[str, Any]) -> CreateApiKey:
    return structs.replace(command, **limits)


@asynccontextmanager
async def served(
    engine: Engine,
    store: Store,
    clock: Clock,
    *,
    prefix: str = "",
    is_shared: bool = False,
    port: int = 0,
    limits: ConnectionLimits = LIMITS,
) -> AsyncIterator[tuple[OpenedApi, int]]:
    """Serve the API of an engine while the body runs, which gets it and its port."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}{prefix}"
    async with setup.opened(engine, store, clock, url, is_shared=is_shared) as api:
        site = routes.site(url, mounted={}, apps={setup.PATH: api.app}, close=api.waits.close)
        async with server.listening(site, host="127.0.0.1", port=port, limits=limits):
            yield api, port


@asynccontextmanager
async def open_api(
    path: Path,
    *,
    open_store: OpenStore | None = None,
    clock: FakeClock | None = None,
    prefix: str = "",
    workflows: tuple[str, ...] = (APPROVALS, FREE, PLAIN),
    is_shared: bool = False,
    steps: Mapping[str, StepType[Any]] | None = None,
    patience: float | None = None,
    limits: ConnectionLimits = LIMITS,
) -> AsyncIterator[ApiEnv]:
    """Open an engine with its API, and these workflows.

    `patience`: how long a call waits for the database, in seconds; None: as long as it takes.
    """
    async with open_engine(path, open_store=open_store, clock=clock, steps=steps) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({SAM}), clock=env.clock)
        for workflow in workflows:
            await env.register(workflow)
        key = await new_key(env.engine, "Support agent")
        store = env.store if patience is None else PunctualStore(env.store, patience=patience)
        prompt = Engine(store, env.advancer, admins=frozenset({SAM}), clock=env.clock)
        async with (
            served(prompt, env.store, env.clock, prefix=prefix, is_shared=is_shared, limits=limits) as (api, port),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            yield ApiEnv(env, session, f"http://127.0.0.1:{port}{prefix}", port, api, key)


async def exchange(port: int, text: bytes, *, then: bytes = b"") -> bytes:
    """Send bytes over a connection of its own, and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    await writer.drain()
    if then:
        writer.write(then)
    answer = await reader.read()
    await closed(writer)
    return answer


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection, which the server may have reset."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
