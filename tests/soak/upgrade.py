"""A rolling upgrade under load: processes of an older commit are replaced by ours, one after the other."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.errors import StoreError
from engine.json_values import Value
from tests.soak.clients import Clients
from tests.soak.replicas import BOTS, WORKERS, Acting, ReplicaCampaign
from tests.soak.servers import Servers, servers
from tests.soak.verdict import Finding
from tests.soak.world import KINDS, MULTIPLIER, ROOT, World, workflow

WRONG_FILE: Final = "The workflow file has problems"
COMMAND: Final = "from bot.cli import main; main()"
RUNS_A_MINUTE: Final = 100
REPLACED: Final = "processes replaced"


class NoOlderCode(Exception):
    """The older commit is not there."""


@contextmanager
def older_code(revision: str, folder: Path) -> Iterator[Path]:
    """Check out a commit into a folder while the body runs. Raises `NoOlderCode` with a sentence."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, env=environment, check=False, capture_output=True, encoding="utf-8")

    target = folder / "older"
    added = git("worktree", "add", "--detach", str(target), revision)
    if added.returncode:
        shallow = git("rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        reason = (
            "this clone is shallow; fetch its history with: git fetch --unshallow" if shallow else added.stderr.strip()
        )
        raise NoOlderCode(f"There is no commit {revision} to upgrade from: {reason}")
    try:
        yield target
    finally:
        git("worktree", "remove", "--force", str(target))


@dataclass
class UpgradeCampaign(ReplicaCampaign):
    """Starts with processes of the commit `older`, and ends with ours."""

    older: Path = ROOT
    runs_a_minute: int = RUNS_A_MINUTE
    known: list[str] = field(default_factory=list)
    """The workflows that the older code has registered."""

    @property
    def least_blows(self) -> float:
        """Return more than there are until all processes are replaced: the storm ends then."""
        return 0.0 if self.figures[REPLACED] == BOTS + WORKERS else 1.0

    def _prepare(self, world: World) -> None:
        """Make the tables and register the workflows with the older code, except those that it cannot read."""
        self._command(world, "migrate")
        for name in KINDS:
            file = self.folder / f"{name}.yaml"
            file.write_text(workflow(name, world.service.url), encoding="utf-8")
            try:
                self._command(world, "register", str(file))
            except RuntimeError as error:
                if WRONG_FILE not in str(error):
                    raise
                self.say(f"the older code does not know workflows like {name}, which are started once all is new")
            else:
                self.known.append(name)
        self.figures["workflows that the older code knows"] = len(self.known)

    def _command(self, world: World, *arguments: str) -> None:
        finished = subprocess.run(
            [sys.executable, "-P", "-c", COMMAND, *arguments],
            env={**world.settings(), "PYTHONPATH": str(self.older)},
            check=False,
            capture_output=True,
            encoding="utf-8",
        )
        if finished.returncode:
            raise RuntimeError(f"signoff {arguments[0]} of the older code failed: {finished.stdout}{finished.stderr}")

    async def _register(self, clients: Clients) -> None:
        """Start only runs of the workflows that the older code has registered."""
        clients.kinds = tuple(self.known)

    async def _employ_operator(self, world: World, stack: AsyncExitStack) -> None:
        """Let the operator act with our code, as soon as the schema is ours."""
        try:
            await super()._employ_operator(world, stack)
        except StoreError:
            world.operator = _unavailable

    async def _act(self, acting: Acting, dice: random.Random) -> None:
        """Replace the processes while people act."""
        acting.world.evidence.has_older_words = True
        async with servers(self.folder, acting.world.settings(), multiplier=MULTIPLIER, root=self.older) as older:
            slots = [*acting.bots, *acting.workers]
            for slot in slots:
                if not await (await older.fork(slot)).becomes_ready():
                    raise RuntimeError(f"a process of the older code did not start: {slot}")
            self.say("processes of the older code are at work …")
            await self._storm(acting.chaos, acting.clients, acting.people, [], [self._upgrade(acting, older, slots)])

    async def _upgrade(self, acting: Acting, older: Servers, slots: Sequence[str]) -> None:
        third = self.minutes * 60 / 3
        await asyncio.sleep(third)
        # The schema first: processes of the older code go on with it.
        await asyncio.to_thread(super()._prepare, acting.world)
        if acting.world.operator is _unavailable:
            await super()._employ_operator(acting.world, acting.stack)
        self.say("the schema is new; the processes are replaced …")
        for slot in slots:
            await asyncio.sleep(third / len(slots))
            server = older.slots[slot]
            if not await server.stop() or server.code != 0:
                self.findings.append(Finding("upgrade", f"a process of the older code ended with {server.code}"))
            if not await (await acting.servers.fork(slot)).becomes_ready():
                self.findings.append(Finding("upgrade", f"a process of our code did not start: {slot}"))
            self.figures[REPLACED] += 1
        self.say("all processes are new …")
        # Only now may a file use keys that the older processes do not know.
        acting.clients.kinds = tuple(KINDS)
        await acting.clients.register()

    def _least(self) -> dict[str, int]:
        least = {"runs": round(self.minutes * self.runs_a_minute * 0.9), REPLACED: BOTS + WORKERS}
        return {**least, "workflows that the older code knows": 1}


async def _unavailable(command: str, arguments: dict[str, Value]) -> None:
    """Give no answer: the schema is not ours yet."""
