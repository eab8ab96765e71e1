"""`signoff mcp` in a process of its own, and the client of the library in front of it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension
from mcp.client.streamable_http import streamable_http_client

from tests.support import forked_processes
from tests.support.http_service import PATIENCE
from tests.support.processes import SIGNOFF, Installation


@dataclass(frozen=True)
class McpServer:
    """Where clients reach the command: at `url`, or over standard streams if there is none.

    `installed`: each client over standard streams starts the installed command, which takes a second of CPU time.
    Otherwise it is a fork, where there are forks.
    """

    agent: Installation
    url: str = ""
    installed: bool = False

    @asynccontextmanager
    async def client(
        self, mode: Any = "auto", *, key: str = "", extensions: tuple[ClientExtension, ...] = ()
    ) -> AsyncIterator[Client]:
        """Connect a client. `key`: the key that it sends over HTTP, instead of the agent's."""
        if not self.url:
            starts = _installed if self.installed or not forked_processes.AVAILABLE else _forked
            with starts(self.agent) as server:
                async with Client(server, mode=mode, extensions=extensions) as client:
                    yield client
            return
        headers = {"authorization": f"Bearer {key or self.agent.settings['SIGNOFF_API_KEY']}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=mode, extensions=extensions) as client:
                yield client


@contextmanager
def _installed(agent: Installation) -> Iterator[StdioServerParameters]:
    yield StdioServerParameters(command=str(SIGNOFF), args=["mcp"], env=agent.environment, cwd=agent.folder)


@contextmanager
def _forked(agent: Installation) -> Iterator[StdioServerParameters]:
    """Fork the command, and yield what the library starts instead: a shell that passes on both streams of the fork."""
    reading, writing = os.pipe()
    process = forked_processes.start(["mcp"], folder=agent.folder, environment=agent.environment, stdin=reading)
    os.close(reading)
    assert process.stdout is not None
    ours = f"/proc/{os.getpid()}/fd"
    passed_on = f"cat <{ours}/{process.stdout.fileno()} & exec cat >{ours}/{writing}"
    try:
        yield StdioServerParameters(command="sh", args=["-c", passed_on])
    finally:
        os.close(writing)
        _, problems = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, problems


@contextmanager
def open_mcp_over_http(agent: Installation, *options: str) -> Iterator[McpServer]:
    """Run `signoff mcp --http`, whose environment has no key of its own."""
    settings = {name: value for name, value in agent.settings.items() if name != "SIGNOFF_API_KEY"}
    process = Installation(agent.folder, agent.database, settings).start("mcp", "--http", "127.0.0.1:0", *options)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        match = re.fullmatch(r"MCP: (http://127\.0\.0\.1:\d+/mcp)\n", line)
        assert match, line + process.stderr.read()
        yield McpServer(agent, match[1])
    finally:
        process.kill()
        process.communicate(timeout=10)
