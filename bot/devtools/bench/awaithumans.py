"""awaithumans for comparison: its virtual environment, and its server. docs/benchmark-awaithumans.md explains it.

It is no dependency of Signoff. The first comparison installs it in a folder of its own, with pinned versions.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.devtools.bench.http_load import LoadClient, request_bytes
from bot.devtools.bench.partners import installed_python
from bot.devtools.bench.slack_env import STARTING_SECONDS, BenchFailed, free_port, stop_bot
from engine import json_values

REQUIREMENTS: Final = Path(__file__).with_name("awaithumans.txt")
_SCHEMA: Final = {"type": "object", "properties": {"approved": {"type": "boolean"}}}


@dataclass(frozen=True, slots=True)
class AwaithumansServer:
    """Its server, which is ready. `token`: of the agent that asks."""

    port: int
    token: str

    def create(self, number: int, payload: dict[str, str]) -> bytes:
        """Return the bytes of the request that creates a task without a notification."""
        body = {
            "task": f"Refund order {number}?",
            "payload": payload,
            "payload_schema": {},
            "response_schema": _SCHEMA,
            "timeout_seconds": 86_400,
            "idempotency_key": f"bench-{number}",
        }
        headers = {"Authorization": f"Bearer {self.token}"}
        return request_bytes("POST", "/api/tasks", headers, json_values.dumps(json_values.clean(body)).encode())


@asynccontextmanager
async def run_awaithumans(folder: Path) -> AsyncIterator[AwaithumansServer]:
    """Run its server on a database of its own, as in production. Raises `BenchFailed`."""
    python = await installed_python(REQUIREMENTS)
    server = AwaithumansServer(free_port(), secrets.token_hex(24))
    environment = {
        **os.environ,
        "AWAITHUMANS_PAYLOAD_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AWAITHUMANS_DB_PATH": str(folder / "awaithumans.db"),
        "AWAITHUMANS_ADMIN_API_TOKEN": server.token,
    }
    program = python.with_name("awaithumans")
    with (folder / "awaithumans.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(program, "serve", "--host", "127.0.0.1", "--port", str(server.port), "--log-level", "warning"),
            cwd=folder,
            env=environment,
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        await _wait(process, server.port)
        yield server
    finally:
        await stop_bot(process)


async def _wait(process: asyncio.subprocess.Process, port: int) -> None:
    """Wait until the port answers. Raises `BenchFailed`."""
    try:
        async with asyncio.timeout(STARTING_SECONDS):
            while process.returncode is None:
                try:
                    (await LoadClient.connect("127.0.0.1", port)).close()
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    return
    except TimeoutError:
        pass
    raise BenchFailed("awaithumans did not start.")
