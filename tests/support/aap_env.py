"""A whole server with programs that ask by the Agent Approval Protocol, and people who decide."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
from agentapprovalprotocol import AsyncClient, Client

from bot.aap import protocol_ids
from engine import api_key_text
from engine.domain import Address, Assurance, Decide, Decided, Verdict
from engine.domain.api_keys import ApiAction, ApiKeyMade, ApiKeyRevoked, CreateApiKey, RevokeApiKey
from engine.domain.asks import AskPage, AskStatus, AskView
from engine.read_models import RequestView
from engine.service.api_keys import ApiKeys
from engine.system import SystemClock
from tests.support.server_env import MIA, SAM, TERMINAL, ServerEnv, open_server

T = TypeVar("T")
APPROVALS: Final = """\
name: approvals
title: Tool calls of agents
owner: sam@example.com
rules:
  - tool: ["search_*", read_file]
    approve: true
  - tool: drop_table
    reject: "Tables are dropped by people only."
  - tool: quick_refund
    valid_for: 1s
    gate: {approvers: [mia@example.com]}
  - tool: reported_refund
    outcome_within: 1s
    gate: {approvers: [mia@example.com]}
  - tool: large_refund
    gate: {approvers: [mia@example.com, noa@example.com], policy: {quorum: 2}}
  - gate: {approvers: [mia@example.com]}
"""
_NUMBERS: Final = itertools.count(1)
CALL: Final[Mapping[str, Any]] = {"tool": "refund", "arguments": {"order": "A-7", "amount": 120}, "timeout": "30m"}


@dataclass(frozen=True, slots=True)
class AapEnv:
    """A running server. `key`: the text of an API key that may ask. `closing`: closes the clients at the end."""

    server: ServerEnv
    key: str
    closing: AsyncExitStack
    http: httpx.AsyncClient

    @property
    def base_url(self) -> str:
        return f"{self.server.url}/api/aap"

    @property
    def key_id(self) -> str:
        parts = api_key_text.parse(self.key)
        assert isinstance(parts, api_key_text.KeyText)
        return parts.id

    def client(self, key: str | None = None, **options: Any) -> Client:
        client = Client(self.base_url, key or self.key, **options)
        self.closing.callback(client.close)
        return client

    def async_client(self, key: str | None = None, **options: Any) -> AsyncClient:
        client = AsyncClient(self.base_url, key or self.key, **options)
        self.closing.push_async_callback(client.aclose)
        return client

    async def call(
        self, method: str, path: str, body: Any = None, *, bearer: str | None = None, key: str | None = None
    ) -> tuple[int, Any]:
        """Call Signoff's own API, and return the status and the body of the answer."""
        headers = {"Authorization": f"Bearer {bearer or self.key}", **({"Idempotency-Key": key} if key else {})}
        response = await self.http.request(method, f"{self.server.url}/api/v1{path}", json=body, headers=headers)
        return response.status_code, response.json()

    async def send(
        self, method: str, path: str, body: Any = None, *, bearer: str | None = None, key: str | None = None
    ) -> httpx.Response:
        """Call a path of the protocol without its library. `body`: bytes are sent as they are."""
        headers = {"Authorization": f"Bearer {bearer or self.key}", **({"Idempotency-Key": key} if key else {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return await self.http.request(method, f"{self.base_url}{path}", content=content, headers=headers)

    async def ask(self, **content: Any) -> dict[str, Any]:
        """Ask by our own API for the refund of an order, to be acted on once."""
        sent = {"title": "Refund", "tool": "refund", "arguments": dict(CALL["arguments"]), "use": "once", **content}
        status, ask = await self.call("POST", "/asks", sent)
        assert status == 201, ask
        return dict(ask)

    async def new_key(self, name: str, *actions: ApiAction, workflows: tuple[str, ...] | None = None) -> str:
        """Create an API key, and return its text."""
        return await new_key(self.server, name, *actions, workflows=workflows)

    async def revoke(self) -> None:
        """End the API key."""
        command = RevokeApiKey(key=self.key_id, actor=Address("email", SAM), origin=TERMINAL)
        result = await ApiKeys(self.server.app.engine).revoke(command)
        assert isinstance(result, ApiKeyRevoked), result

    async def latest_ask(self) -> AskView | None:
        """Return the latest ask of the key, or None if there is none yet."""
        asks = await self.server.app.engine.asks(AskPage(limit=1), Address("api", self.key_id))
        return asks[0] if asks else None

    async def next_ask(self, agent: asyncio.subprocess.Process) -> AskView:
        """Wait until an agent asks, and return what it asks. It must not end before."""
        while (ask := await self.latest_ask()) is None:
            if agent.returncode is not None:
                assert agent.stderr is not None
                raise AssertionError((await agent.stderr.read()).decode()[-3_000:])
            await asyncio.sleep(0.05)
        return ask

    async def request(self, id_: str) -> RequestView:
        """Return the request that people see, of an ask or of a request of the protocol."""
        return await self.server.request(run_of(id_))

    async def decide(
        self, id_: str, verdict: Verdict = Verdict.APPROVE, *, by: str = MIA, reason: str | None = None
    ) -> None:
        """Decide a request as a person does in the terminal, and wait until its program can see that."""
        result = await self.try_to_decide(id_, verdict, by=by, reason=reason)
        assert isinstance(result, Decided), result
        await self.settled(id_)

    async def settled(self, id_: str) -> None:
        """Wait until an ask is no longer pending."""
        engine = self.server.app.engine
        while True:
            view = await engine.ask_view(run_of(id_), Address("api", self.key_id), reads_all=True)
            assert isinstance(view, AskView)
            if view.status is not AskStatus.PENDING:
                return
            await asyncio.sleep(0.01)

    async def try_to_decide(
        self,
        id_: str,
        verdict: Verdict = Verdict.APPROVE,
        *,
        by: str = MIA,
        reason: str | None = None,
        seen: RequestView | None = None,
    ) -> object:
        """Decide a request, as it was seen or as it is, and return the result or the refusal."""
        model = (seen or await self.request(id_)).model
        return await self.server.app.engine.decide(
            Decide(
                request=model.id,
                verdict=verdict,
                actor=Address("email", by),
                content_version=model.content_version,
                digest=model.digest,
                origin=TERMINAL,
                assurance=Assurance.TERMINAL,
                reason=reason,
            )
        )

    async def record(self, id_: str) -> list[str]:
        """Return the kinds of the entries of the audit log about an ask, the oldest first."""
        return [entry.kind for entry in await self.server.app.engine.story(run_of(id_))]


def run_of(id_: str) -> str:
    """Return the run of an ask, or of a request of the protocol, whose ids are UUIDs."""
    return protocol_ids.from_uuid(id_) or id_


async def new_key(server: ServerEnv, name: str, *actions: ApiAction, workflows: tuple[str, ...] | None = None) -> str:
    """Create an API key whose name begins so, and return its text."""
    command = CreateApiKey(
        name=f"{name} {next(_NUMBERS)}",
        actor=Address("email", SAM),
        origin=TERMINAL,
        actions=actions or (ApiAction.ASK,),
        workflows=workflows,
    )
    made = await ApiKeys(server.app.engine).create(command)
    assert isinstance(made, ApiKeyMade), made
    return made.text


async def past(moment: datetime) -> None:
    """Wait until the clock of this machine, which is the server's, is past a moment."""
    await asyncio.sleep(max(0.0, (moment - SystemClock().now()).total_seconds()))


async def blocking(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a function that waits, such as one of the synchronous client, beside the loop of the server."""
    return await asyncio.to_thread(function, *arguments, **options)


@asynccontextmanager
async def open_agents_server(folder: Path, **options: Any) -> AsyncIterator[ServerEnv]:
    """Run a server with the workflow `approvals`."""
    more = {"SIGNOFF_ADMINS": SAM, **options.pop("more", {})}
    async with open_server(folder, more=more, **options) as server:
        await server.register(APPROVALS)
        yield server


@asynccontextmanager
async def new_agent(server: ServerEnv, key: str | None = None) -> AsyncIterator[AapEnv]:
    """Make an agent which shares the server with others. `key`: of one that there was before; else it gets its own."""
    key = key or await new_key(server, "Support agent")
    async with AsyncExitStack() as closing, httpx.AsyncClient(timeout=40) as http:
        yield AapEnv(server, key, closing, http)


@asynccontextmanager
async def open_aap(folder: Path, **options: Any) -> AsyncIterator[AapEnv]:
    """Run a server with the workflow `approvals` and one agent."""
    async with open_agents_server(folder, **options) as server, new_agent(server) as env:
        yield env
