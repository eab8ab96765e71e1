"""The endpoint of webhooks over real HTTP, before an engine on a database."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.devtools.demo.servers import free_port
from bot.web import routes, server, webhook_endpoint
from bot.web.webhook_endpoint import WebhookEndpoint
from engine.read_models import PageQuery, RunView
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.fakes import FakeClock

KEY = b"0123456789abcdef0123456789abcdef"
GOOD = {"customer": {"name": "Kim"}, "amount": "12.50"}


@dataclass
class Hooks:
    env: EngineEnv
    session: aiohttp.ClientSession
    url: str

    def signed(self, body: bytes, call: str, *, key: bytes = KEY) -> dict[str, str]:
        sent_at = str(int(self.env.clock.now().timestamp()))
        digest = hmac.new(key, f"{call}.{sent_at}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": call, "webhook-timestamp": sent_at, "webhook-signature": signature}

    async def send(
        self,
        body: Any = GOOD,
        *,
        call: str = "msg_1",
        headers: dict[str, str] | None = None,
        workflow: str = "flow",
        kind: str = "application/json",
    ) -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = self.signed(raw, call) if headers is None else headers
        async with self.session.post(
            f"{self.url}/hooks/{workflow}", data=raw, headers={"Content-Type": kind, **sent}
        ) as response:
            if response.status >= 400:
                assert response.content_type == "application/problem+json"
            return response.status, json.loads(await response.text())

    async def runs(self) -> list[RunView]:
        return list(await self.env.engine.runs(PageQuery(limit=100)))


@asynccontextmanager
async def open_hooks(
    path: Path, open_database: OpenStore, flow: str, secrets: Mapping[str, str], clock: FakeClock | None = None
) -> AsyncIterator[Hooks]:
    """Open the endpoint, with this workflow."""
    async with (
        open_engine(path / "signoff.db", open_store=open_database, secrets=secrets, clock=clock) as env,
        aiohttp.ClientSession() as session,
    ):
        await env.register(flow)
        port = free_port()
        endpoint = WebhookEndpoint(env.engine.receive, env.clock)
        site = routes.site(f"http://127.0.0.1:{port}", mounted={webhook_endpoint.PATH: endpoint})
        async with server.listening(site, host="127.0.0.1", port=port):
            yield Hooks(env, session, f"http://127.0.0.1:{port}")
