"""A local Slack with its people in this process, and a bot on a database of its own in another.

The bot has a process, and so a core, of its own: what the sandbox and the people cost is not in its way, as little as
Slack's servers are. On a machine with two cores the two still share what the kernel does for both, so the figures are
rather too high than too low.
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
from bot.devtools.sandbox import Running, sandbox
from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import Message, User
from bot.local import client
from bot.settings import PREFIX
from bot.slack import ids
from bot.slack.transport import PATH
from engine.errors import SignoffError
from engine.json_values import Value

STARTING_SECONDS: Final = 20.0
STOPPING_SECONDS: Final = 15.0
_AT_ONCE: Final = 16
"""Commands that are under way at the same time while things are prepared."""


class BenchFailed(SignoffError):
    """There are no figures: something that is measured did not happen at all."""


@dataclass(frozen=True, slots=True)
class SlackLimits:
    """`multiplier` of Slack's published rates, and `burst` calls at once (None: a minute's worth), for both sides."""

    multiplier: float
    burst: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedCopy:
    """A posted copy of a request. `seen`: as its person sees it; `message`: as it is at any moment."""

    request: str
    person: SimulatedPerson
    seen: dict[str, Any]
    message: Message

    @property
    def shows_the_outcome(self) -> bool:
        """Whether it says what was decided, and has no buttons any more."""
        blocks = self.message.blocks
        return "Approved by" in str(blocks) and not any(block["type"] == "actions" for block in blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackBenchEnv:
    """`people`: those who are asked; `database`: of the bot."""

    slack: Running
    people: tuple[SimulatedPerson, ...]
    database: Path

    async def register(self, source: str) -> None:
        """Make a workflow known."""
        await self._command("register", {"source": source})

    async def start(self, workflow: str, **inputs: str) -> None:
        """Start a run, as the operator of the machine."""
        await self._command("start", {"workflow": workflow, "inputs": dict[str, Value](inputs)})

    async def start_all(self, workflow: str, inputs: Sequence[Mapping[str, str]]) -> None:
        """Start many."""
        few = asyncio.Semaphore(_AT_ONCE)

        async def one(given: Mapping[str, str]) -> None:
            async with few:
                await self.start(workflow, **given)

        await asyncio.gather(*map(one, inputs))

    async def _command(self, command: str, given: dict[str, Value]) -> None:
        reply = await client.ask(self.database, command, given)
        if reply is None or reply.refused is not None:
            raise BenchFailed(f"The bot refused to {command}: {reply.refused if reply else 'it is gone'}")

    def copies(self) -> list[PostedCopy]:
        """The copies that can be approved, in the order of their posting."""
        found = [copy for person in self.people for seen in person.sees() if (copy := self._copy(person, seen))]
        return sorted(found, key=lambda copy: copy.message.ts)

    def _copy(self, person: SimulatedPerson, seen: dict[str, Any]) -> PostedCopy | None:
        elements = [one for block in seen.get("blocks", []) for one in block.get("elements", [])]
        value = next((one["value"] for one in elements if one.get("action_id") == ids.APPROVE), None)
        ref, message = ids.decode_ref(value), self.slack.world.message(seen["channel"], seen["ts"])
        if ref is None or message is None:
            return None
        return PostedCopy(request=ref.request, person=person, seen=seen, message=message)

    def landed_at(self, method: str) -> list[float]:
        """The times, by the sandbox's clock, of all calls of a method that did what they should."""
        return [one.at for one in self.slack.slack.calls if one.method == method and one.outcome == "ok"]

    def landed(self, method: str) -> int:
        """How many there were."""
        return len(self.landed_at(method))

    async def until(self, true: Callable[[], object], what: str, *, seconds: float) -> None:
        """Wait until something holds, without looking so often that it would be in the way. Raises `BenchFailed`."""
        try:
            async with asyncio.timeout(seconds):
                while not true():  # noqa: ASYNC110 what is waited for is the sandbox's state
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise BenchFailed(f"After {seconds:g} seconds still not: {what}") from None


@asynccontextmanager
async def stage(*, people: int, limits: SlackLimits) -> AsyncIterator[SlackBenchEnv]:
    """A stage at work while the body runs; its files are gone afterwards. Raises `BenchFailed`."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as name:
        folder, port = Path(name), free_port()
        async with sandbox() as slack:
            slack.rates.configure(multiplier=limits.multiplier, burst=limits.burst)
            slack.app.request_url = f"http://127.0.0.1:{port}{PATH}"
            asked = tuple(_joined(slack, number) for number in range(people))
            database = folder / "signoff.db"
            async with bot(folder, _settings(slack, database, port), limits):
                yield SlackBenchEnv(slack=slack, people=asked, database=database)


def _joined(slack: Running, number: int) -> SimulatedPerson:
    """Somebody new in the workspace."""
    name, world = f"person{number}", slack.world
    made = User(id=world.new_id("U"), name=name, real_name=f"Person {number}", email=f"{name}@example.com")
    world.users[made.id] = made
    return SimulatedPerson(slack.slack, made.id)


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


def _settings(slack: Running, database: Path, port: int) -> dict[str, str]:
    given = {
        "DATABASE_URL": f"sqlite:///{database}",
        "OPERATOR": "cleo@example.com",
        "SLACK_BOT_TOKEN": slack.app.bot_token,
        "SLACK_SIGNING_SECRET": slack.app.signing_secret,
        "SLACK_API_URL": slack.api_url,
        "PORT": str(port),
    }
    return {PREFIX + name: value for name, value in given.items()}


@asynccontextmanager
async def bot(folder: Path, given: Mapping[str, str], limits: SlackLimits) -> AsyncIterator[None]:
    """The bot's process with these settings, while the body runs. Raises `BenchFailed` where it does not start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    pace = [f"{limits.multiplier:g}", *([str(limits.burst)] if limits.burst else [])]
    with (folder / "log").open("wb") as log:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", serve.__name__, *pace),
            cwd=folder,
            env={**environment, **given},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=log,
        )
    try:
        await ready(started, folder / "log")
        yield
    finally:
        await end(started)


async def ready(started: asyncio.subprocess.Process, log: Path) -> None:
    """Wait for the line that says so. Raises `BenchFailed` with the end of the log."""
    assert started.stdout is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STARTING_SECONDS):
            line = await started.stdout.readline()
            if line.decode().strip() == serve.READY:
                return
    raise BenchFailed(f"The bot did not start: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


async def end(started: asyncio.subprocess.Process) -> None:
    """Have it end, by force if need be."""
    with contextlib.suppress(ProcessLookupError):
        started.terminate()
    try:
        async with asyncio.timeout(STOPPING_SECONDS):
            await started.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()
