"""Runs the load balancer of docs/deploying/haproxy.cfg in front of servers of a test."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.devtools.demo.servers import free_port
from tests.support.documents import DOCS

CONFIGURATION = DOCS / "deploying" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


@dataclass(frozen=True, slots=True)
class Bot:
    """Where a bot answers: its pages, and its probes."""

    port: int
    probe_port: int


@dataclass(frozen=True, slots=True)
class Balancer:
    """A running load balancer: the address of the bots behind it, and of its own health check."""

    url: str
    health_url: str

    async def wait_for(self, status: int) -> None:
        """Wait until the health check of the load balancer answers with this status."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            for pause in itertools.repeat(0.05):
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with session.get(self.health_url) as response:
                        if response.status == status:
                            return
                await asyncio.sleep(pause)


def configuration(bots: Sequence[Bot], *, port: int, health_port: int) -> str:
    """Return the configuration with other addresses, and with more frequent probes, so that tests take less time."""
    text = CONFIGURATION.read_text(encoding="utf-8").replace("inter 1s", "inter 100ms")
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace(":8404", f":{health_port}")
    for number, bot in enumerate(bots, 1):
        server = f"server bot-{number} bot-{number}:8000"
        assert text.count(server) == 1
        text = text.replace(server, f"server bot-{number} 127.0.0.1:{bot.port} check port {bot.probe_port}")
    assert not re.search(r"^ *server .*:8000", text, re.MULTILINE), "the file names more bots"
    return text


@asynccontextmanager
async def balancing(folder: Path, bots: Sequence[Bot]) -> AsyncIterator[Balancer]:
    """Run the load balancer while the body runs, which begins when a bot is ready."""
    assert HAPROXY is not None
    port, health_port = free_port(), free_port()
    file = folder / "haproxy.cfg"
    file.write_text(configuration(bots, port=port, health_port=health_port), encoding="utf-8")
    with _running(HAPROXY, file):
        balancer = Balancer(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{health_port}/healthz")
        await balancer.wait_for(200)
        yield balancer


@contextmanager
def _running(program: str, file: Path) -> Iterator[None]:
    with file.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", file], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()
