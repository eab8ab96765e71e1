"""A client for measuring never waits for an answer that cannot come."""

from __future__ import annotations

import asyncio

import pytest

from bot.devtools.bench.http_load import LoadClient, request_bytes
from bot.devtools.bench.slack_env import BenchFailed

GET = request_bytes("GET", "/", {})


async def test_a_request_over_a_closed_connection_fails_at_once() -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        client = await LoadClient.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(BenchFailed, match="closed the connection"):
            await client.send(GET)
        with pytest.raises(BenchFailed, match="closed the connection"):
            await client.send(GET)
        client.close()
