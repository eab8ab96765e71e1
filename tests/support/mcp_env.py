"""`signoff mcp` in a process of its own, and the client of the library in front of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension
from mcp.client.streamable_http import streamable_http_client

from tests.support.processes import SIGNOFF, Installation


@dataclass(frozen=True)
class McpServer:
    """Where clients reach the command: at `url`, or over standard streams if there is none."""

    agent: Installation
    url: str = ""

    @asynccontextmanager
    async def client(
        self, mode: Any = "auto", *, key: str = "", extensions: tuple[ClientExtension, ...] = ()
    ) -> AsyncIterator[Client]:
        """Connect a client. `key`: the key that it sends over HTTP, instead of the agent's."""
        if not self.url:
            server = StdioServerParameters(
                command=str(SIGNOFF), args=["mcp"], env=self.agent.environment, cwd=self.agent.folder
            )
            async with Client(server, mode=mode, extensions=extensions) as client:
                yield client
            return
        headers = {"authorization": f"Bearer {key or self.agent.settings['SIGNOFF_API_KEY']}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=mode, extensions=extensions) as client:
                yield client


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
