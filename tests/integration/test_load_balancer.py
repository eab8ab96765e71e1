"""The load balancer of docs/deploying/haproxy.cfg, as a real process: what it repeats, and what it passes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.devtools.demo.servers import free_port
from bot.web import live_updates, routes, server
from tests.support.load_balancer import HAPROXY, Balancer, Bot, balancing
from tests.support.web_env import ADA, BEN, Browser, open_web

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def ok(_: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


async def overloaded(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503, headers={"Retry-After": "1"}, text="busy")


async def dies(request: web.Request) -> web.StreamResponse:
    """Read the request and close the connection without a response, as a process that is killed does."""
    await request.read()
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@dataclass
class FakeBot:
    """A bot whose responses a test chooses."""

    respond: Respond = ok
    ready: bool = True
    requests: list[str] = field(default_factory=list)
    address: Bot = field(default_factory=lambda: Bot(free_port(), free_port()))

    async def run(self, stack: AsyncExitStack) -> None:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests.append(request.method)
            return await self.respond(request)

        async def probe(_: web.Request) -> web.StreamResponse:
            return web.Response(status=200 if self.ready else 503)

        for port, handler in ((self.address.port, handle), (self.address.probe_port, probe)):
            application = web.Application()
            application.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(application)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", port).start()


@dataclass
class Balanced:
    """Two bots behind the load balancer."""

    first: FakeBot
    second: FakeBot
    balancer: Balancer
    session: aiohttp.ClientSession

    async def send(self, method: str) -> tuple[int, str | None]:
        """Return the status and the header `Retry-After` of a response."""
        async with self.session.request(method, self.balancer.url, data=b"x" if method == "POST" else None) as response:
            return response.status, response.headers.get("Retry-After")


@pytest.fixture
async def balanced(tmp_path: Path) -> AsyncIterator[Balanced]:
    async with AsyncExitStack() as stack:
        bots = FakeBot(), FakeBot()
        for bot in bots:
            await bot.run(stack)
        balancer = await stack.enter_async_context(balancing(tmp_path, [bot.address for bot in bots]))
        # HAProxy only closes a connection that was used before if there is no response, so each request gets a new one.
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        yield Balanced(*bots, balancer, await stack.enter_async_context(session))


async def test_a_page_is_asked_for_again_where_a_bot_fails_and_a_click_never(balanced: Balanced) -> None:
    balanced.first.respond = dies
    assert {(await balanced.send("GET"))[0] for _ in range(4)} == {200}
    assert "GET" in balanced.first.requests
    for bot in (balanced.first, balanced.second):
        bot.respond = dies
        bot.requests.clear()
    assert (await balanced.send("POST"))[0] == 502
    assert balanced.first.requests + balanced.second.requests == ["POST"]


async def test_a_bot_that_sheds_load_is_heard_by_the_sender_of_a_click(balanced: Balanced) -> None:
    balanced.first.respond = balanced.second.respond = overloaded
    assert await balanced.send("POST") == (503, "1")
    assert balanced.first.requests + balanced.second.requests == ["POST"]
    assert (await balanced.send("GET"))[0] == 503
    balanced.second.respond = ok
    assert {(await balanced.send("GET"))[0] for _ in range(4)} == {200}


async def test_a_bot_that_is_not_ready_gets_no_request_and_gets_some_again_later(balanced: Balanced) -> None:
    balanced.second.ready = False
    async with asyncio.timeout(30):
        while await reaches_second(balanced):
            pass
    balanced.second.requests.clear()
    for method in ("GET", "POST") * 5:
        assert (await balanced.send(method))[0] == 200
    assert balanced.second.requests == []
    balanced.second.ready = True
    async with asyncio.timeout(30):
        while not balanced.second.requests:
            assert (await balanced.send("GET"))[0] == 200


async def reaches_second(balanced: Balanced) -> bool:
    """Return whether one of a few requests in a row reaches the second bot."""
    before = len(balanced.second.requests)
    for _ in range(6):
        await balanced.send("GET")
    return len(balanced.second.requests) > before


async def test_no_bot_at_all_is_said_at_once_and_by_the_health_check(balanced: Balanced) -> None:
    balanced.first.ready = balanced.second.ready = False
    await balanced.balancer.wait_for(503)
    assert (await balanced.send("POST"))[0] == 503
    assert balanced.first.requests == balanced.second.requests == []


# -- our own server behind it -----------------------------------------------------------------------------------


@pytest.fixture
async def shows_clients(tmp_path: Path) -> AsyncIterator[Balancer]:
    """Yield a load balancer before a site that answers with the address of the client, as its limits see it."""

    async def client(request: Request) -> Response:
        assert request.client is not None
        return PlainTextResponse(request.client.host)

    probed = FakeBot()
    site = routes.site("", mounted={"/client": client}, proxies=("127.0.0.1", "10.0.0.0/8"))
    async with AsyncExitStack() as stack:
        await probed.run(stack)
        _, port = await stack.enter_async_context(server.listening(site, host="127.0.0.1", port=0))
        bots = [Bot(port, probed.address.probe_port)] * 2
        yield await stack.enter_async_context(balancing(tmp_path, bots))


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
    ],
    ids=["a proxy in front", "two proxies in front", "a client that lies"],
)
async def test_the_address_of_a_client_comes_through(shows_clients: Balancer, forwarded: str, seen: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{shows_clients.url}/client", headers={"X-Forwarded-For": forwarded}) as response,
    ):
        assert await response.text() == seen


async def test_the_stream_of_a_page_comes_through_as_it_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_updates, "EVERY", 0.02)
    probed = FakeBot()
    async with AsyncExitStack() as stack:
        await probed.run(stack)
        env = await stack.enter_async_context(open_web(tmp_path / "signoff.db"))
        port = int(env.base.rpartition(":")[2])
        balancer = await stack.enter_async_context(balancing(tmp_path, [Bot(port, probed.address.probe_port)] * 2))
        await env.request_approval("      assurance: link\n")
        ada, page = await env.open_link(ADA)
        ben, form = await env.open_link(BEN)
        stream = await stack.enter_async_context(
            env.session.get(f"{balancer.url}{page.path}/events", headers=_headers(ada, page.path))
        )
        assert (await _next(stream))["state"] == "pending"
        await ben.send(form.page.form)
        assert (await _next(stream))["state"] == "approved"


def _headers(browser: Browser, path: str) -> dict[str, str]:
    return {**browser.extra, "Cookie": browser._cookies(path)}  # noqa: SLF001


async def _next(stream: aiohttp.ClientResponse) -> dict[str, str]:
    async for line in stream.content:
        if line.startswith(b"data: "):
            update: dict[str, str] = json.loads(line.removeprefix(b"data: "))
            return update
    raise AssertionError("the stream ended")
