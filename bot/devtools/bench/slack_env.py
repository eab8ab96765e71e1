"""A local Slack with its people in this process, and a bot on a database of its own in another process.

The bot has its own process, and so its own core, which it does not share with the sandbox and the people, just as it
does not share one with Slack's servers. On two cores both still share the kernel's work, so durations are too long
rather than too short.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.devtools.bench import serve
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import Message, User
from bot.local import client
from bot.slack import ids
from bot.slack.transport import PATH
from bot.variable_checks import PREFIX
from engine.errors import SignoffError
from engine.json_values import Value
from engine.store import schema
from engine.system import SystemClock

STARTING_SECONDS: Final = 20.0
"""How long the bot may take to start."""
STOPPING_SECONDS: Final = 15.0
"""How long the bot may take to stop before it is killed."""
_PARALLEL_COMMANDS: Final = 16
"""Commands that run at the same time during preparation."""


class BenchFailed(SignoffError):
    """Nothing could be measured, because the bot did not do its work."""


@dataclass(frozen=True, slots=True)
class SlackLimits:
    """Rate limits of both sides: a multiple of Slack's published rates, and the burst (None: the calls of a minute)."""

    multiplier: float
    burst: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedCopy:
    """A posted copy of a request. `seen_message`: as its person saw it; `message`: the live message."""

    request: str
    person: SimulatedPerson
    seen_message: dict[str, Any]
    message: Message

    @property
    def shows_the_outcome(self) -> bool:
        """Whether the copy shows the decision and has no buttons to decide."""
        blocks = str(self.message.blocks)
        return "Approved by" in blocks and ids.APPROVE not in blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBenchEnv:
    """A local Slack, its people, and the database of the bot."""

    slack: RunningSandbox
    people: tuple[SimulatedPerson, ...]
    database: Path
    port: int
    pid: int

    async def register(self, source: str) -> None:
        """Register a workflow."""
        await self.command("register", {"source": source})

    async def start(self, workflow: str, **inputs: str) -> None:
        """Start a run as the operator of the machine."""
        await self.command("start", {"workflow": workflow, "inputs": dict[str, Value](inputs)})

    async def start_all(self, workflow: str, inputs: Sequence[Mapping[str, str]]) -> None:
        """Start one run for each entry of the inputs."""
        semaphore = asyncio.Semaphore(_PARALLEL_COMMANDS)

        async def start_one(values: Mapping[str, str]) -> None:
            async with semaphore:
                await self.start(workflow, **values)

        await asyncio.gather(*map(start_one, inputs))

    async def command(self, command: str, arguments: dict[str, Value]) -> Mapping[str, Any]:
        """Carry out a command as the operator of the machine, and return what it answers. Raises `BenchFailed`."""
        reply = await client.ask(self.database, command, arguments)
        if reply is None or reply.refused is not None:
            raise BenchFailed(f"The bot refused to {command}: {reply.refused if reply else 'it is gone'}")
        return reply.facts

    def copies(self) -> list[PostedCopy]:
        """Return the copies with an Approve button, in the order of posting."""
        copies = [
            copy
            for person in self.people
            for seen_message in person.sees()
            if (copy := self._copy(person, seen_message))
        ]
        return sorted(copies, key=lambda copy: copy.message.ts)

    def _copy(self, person: SimulatedPerson, seen_message: dict[str, Any]) -> PostedCopy | None:
        elements = [element for block in seen_message.get("blocks", []) for element in block.get("elements", [])]
        value = next((element["value"] for element in elements if element.get("action_id") == ids.APPROVE), None)
        ref, message = ids.decode_ref(value), self.slack.world.message(seen_message["channel"], seen_message["ts"])
        if ref is None or message is None:
            return None
        return PostedCopy(request=ref.request, person=person, seen_message=seen_message, message=message)

    def call_times(self, method: str) -> list[float]:
        """Return the times of all successful calls of a method, by the sandbox's clock."""
        return [call.at for call in self.slack.slack.calls if call.method == method and call.outcome == "ok"]

    def successful_calls(self, method: str) -> int:
        """Return the number of successful calls of a method."""
        return len(self.call_times(method))

    async def until(self, condition: Callable[[], object], description: str, *, seconds: float) -> None:
        """Wait until the condition holds, polling rarely enough not to disturb. Raises `BenchFailed`."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110 the condition is about the sandbox's state, which has no event
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise BenchFailed(f"After {seconds:g} seconds still not: {description}") from None


@asynccontextmanager
async def open_slack_env(
    *, people: int, limits: SlackLimits, more: Mapping[str, str] | None = None
) -> AsyncIterator[SlackBenchEnv]:
    """Run a local Slack and a bot, and remove their files afterwards. `more`: settings. Raises `BenchFailed`."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as name:
        folder, port = Path(name), free_port()
        async with sandbox() as slack:
            slack.rates.configure(multiplier=limits.multiplier, burst=limits.burst)
            slack.app.request_url = f"http://127.0.0.1:{port}{PATH}"
            added = tuple(_add_person(slack, number) for number in range(people))
            database = folder / "signoff.db"
            settings = _settings(slack, database, port) | {PREFIX + name: value for name, value in (more or {}).items()}
            # As after any restart: only the first start makes a database, with libraries that stay in memory.
            await asyncio.to_thread(schema.prepare, database, now=SystemClock().now())
            async with run_bot(folder, settings, limits) as bot:
                yield SlackBenchEnv(slack=slack, people=added, database=database, port=port, pid=bot.pid)


def _add_person(slack: RunningSandbox, number: int) -> SimulatedPerson:
    """Add a person to the workspace."""
    name, world = f"person{number}", slack.world
    user = User(id=world.new_id("U"), name=name, real_name=f"Person {number}", email=f"{name}@example.com")
    world.users[user.id] = user
    return SimulatedPerson(slack.slack, user.id)


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _settings(slack: RunningSandbox, database: Path, port: int) -> dict[str, str]:
    values = {
        "DATABASE_URL": f"sqlite:///{database}",
        "OPERATOR": "cleo@example.com",
        "SLACK_BOT_TOKEN": slack.app.bot_token,
        "SLACK_SIGNING_SECRET": slack.app.signing_secret,
        "SLACK_API_URL": slack.api_url,
        "PORT": str(port),
    }
    return {PREFIX + name: value for name, value in values.items()}


@asynccontextmanager
async def run_bot(
    folder: Path, settings: Mapping[str, str], limits: SlackLimits
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a bot with these settings in its own process. Raises `BenchFailed` if it does not start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    rates = [f"{limits.multiplier:g}", *([str(limits.burst)] if limits.burst else [])]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", serve.__name__, *rates),
            cwd=folder,
            env={**environment, **settings},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=log,
        )
    try:
        await wait_until_ready(process, folder / "log")
        yield process
    finally:
        await stop_bot(process)


async def wait_until_ready(process: asyncio.subprocess.Process, log: Path) -> None:
    """Wait for the line `ready`. Raises `BenchFailed` with the end of the log."""
    assert process.stdout is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STARTING_SECONDS):
            line = await process.stdout.readline()
            if line.decode().strip() == serve.READY:
                return
    raise BenchFailed(f"The bot did not start: {_log_tail(log)}")


def _log_tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


async def stop_bot(process: asyncio.subprocess.Process) -> None:
    """Stop the process, and kill it if it does not stop in time."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOPPING_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
