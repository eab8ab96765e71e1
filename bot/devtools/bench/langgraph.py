"""LangGraph for comparison: its virtual environment, and its process. docs/benchmark-langgraph.md explains it.

LangGraph is no dependency of Signoff. The first comparison installs it in a folder of its own, with pinned versions.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.databases import libpq
from bot.devtools.bench.engine_load import EDITED_ORDER, NOTE, ORDER
from bot.devtools.bench.partners import installed_python
from bot.devtools.bench.slack_env import BenchFailed, stop_bot

REQUIREMENTS: Final = Path(__file__).with_name("langgraph.txt")
_PROGRAM: Final = Path(__file__).with_name("langgraph_load.py")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A way to run LangGraph. `checkpointers`: how many share the connections; each does one thing at a time."""

    checkpointers: int
    durability: str


class LangGraphProcess:
    """LangGraph with clients, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def lifecycles_per_second(self, configuration: Configuration, *, count: int, clients: int) -> float:
        """Run lifecycles, and return how many a second."""
        assert self._process.stdin is not None
        wanted = {"count": count, "clients": clients, "checkpointers": configuration.checkpointers}
        line = json.dumps({**wanted, "durability": configuration.durability})
        self._process.stdin.write(f"{line}\n".encode())
        return count / float(await self.read())

    async def read(self) -> str:
        """Return the next line that the process writes. Raises `BenchFailed` if it has died."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise BenchFailed("LangGraph stopped; what it wrote is above.")
        return line.decode().strip()


@asynccontextmanager
async def run_langgraph(url: str) -> AsyncIterator[LangGraphProcess]:
    """Run LangGraph on an empty database. Raises `BenchFailed`."""
    python = await installed_python(REQUIREMENTS)
    texts = json.dumps({"order": ORDER, "note": NOTE, "edited": EDITED_ORDER})
    # Without -I, modules of this folder would be found first.
    process = await asyncio.create_subprocess_exec(python, "-I", _PROGRAM, libpq(url), texts, stdin=PIPE, stdout=PIPE)
    try:
        langgraph = LangGraphProcess(process)
        await langgraph.read()
        yield langgraph
    finally:
        await stop_bot(process)
