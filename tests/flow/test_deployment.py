"""A deployment as compose.yaml describes it, with real processes: two bots, a worker, PostgreSQL, a load balancer."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.devtools.demo.servers import free_port
from tests.support import postgres_server
from tests.support.load_balancer import HAPROXY, Bot, balancing
from tests.support.processes import HELLO, CommandResult, Installation, Process, create_installation

PATIENCE = 40.0


@pytest.fixture
def installation(tmp_path: Path, postgres_url: str) -> Iterator[Installation]:
    with postgres_server.empty(postgres_url) as url:
        made = create_installation(tmp_path, key="5a" * 32, public_url="https://signoff.example.com")
        made.settings["SIGNOFF_DATABASE_URL"] = url
        yield made


def ok(finished: CommandResult) -> CommandResult:
    assert finished.code == 0, finished.output
    return finished


@asynccontextmanager
async def process(installation: Installation, command: str, bot: Bot) -> AsyncIterator[tuple[Installation, Process]]:
    """Start a process and wait until it is ready, as its health check says. End it with the body."""
    settings = {"SIGNOFF_PORT": str(bot.port), "SIGNOFF_PROBE_PORT": str(bot.probe_port)}
    if command == "serve":
        settings["SIGNOFF_ROLE"] = "bot"
    its = replace(installation, settings={**installation.settings, **settings})
    started = its.start(command)
    try:
        await until(lambda: its.run("health", "--ready").code == 0)
        yield its, started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(started.communicate, timeout=PATIENCE)
    assert "Traceback" not in out + err


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


async def until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(_wait, condition)


@pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")
async def test_people_notice_nothing_when_a_bot_stops(installation: Installation, tmp_path: Path) -> None:
    ok(installation.run("migrate"))
    bots = [Bot(free_port(), free_port()) for _ in range(2)]
    async with AsyncExitStack() as stack:
        (stopped, first), (running, _) = [
            await stack.enter_async_context(process(installation, "serve", bot)) for bot in bots
        ]
        balancer = await stack.enter_async_context(balancing(tmp_path, bots))
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def ask() -> int:
            async with session.get(f"{balancer.url}/inbox", headers={"Host": "signoff.example.com"}) as response:
                return response.status

        assert await ask() == 200
        first.send_signal(signal.SIGTERM)
        statuses = set[int]()
        while first.poll() is None:
            statuses.add(await ask())
        assert statuses | {await ask() for _ in range(5)} == {200}
        assert ok(running.run("health")).out == "ok\n"
        assert "No server answers at 127.0.0.1" in stopped.run("health").err


async def test_what_a_bot_takes_a_worker_does(installation: Installation) -> None:
    ok(installation.run("migrate"))
    installation.write("hello.yaml", HELLO)
    async with process(installation, "worker", Bot(free_port(), free_port())):
        ok(installation.run("register", "hello.yaml"))
        run = ok(installation.run("run", "hello", "--json")).json["run"]
        await until(lambda: bool(ok(installation.run("runs", run, "--json")).json["status"] == "succeeded"))
