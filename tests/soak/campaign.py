"""One campaign: a storm of so many minutes, then calm until everything is at rest, then the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.soak import evidence, verdict
from tests.soak.chaos import BLOWS_A_MINUTE, LONGER, Chaos
from tests.soak.clients import STUCK, Clients, open_requests
from tests.soak.disk_full import DiskSpace, Limit, SmallDisk, small_disk
from tests.soak.people import People
from tests.soak.servers import Servers, servers
from tests.soak.verdict import Finding
from tests.soak.world import APPROVERS, MULTIPLIER, OWNER, SLOW_SECONDS, World, world

RUNS_A_MINUTE: Final = 104
REST_SECONDS: Final = 240.0
"""How many seconds after the storm everything must be at rest; a longer time is a finding."""
FINISHING_SECONDS: Final = 15.0
UNSETTLED: Final = """\
SELECT 'run ' || id || ' is ' || status AS what FROM run WHERE ended_at IS NULL AND NOT
    (status = 'waiting' AND ready_at IS NULL AND id IN (SELECT run FROM request WHERE state = 'pending'))
UNION ALL SELECT 'run ' || id || ' ended and is ready' FROM run WHERE ended_at IS NOT NULL AND ready_at IS NOT NULL
UNION ALL SELECT 'copy ' || id || ' is due at ' || next_at FROM delivery WHERE next_at IS NOT NULL
UNION ALL SELECT 'request ' || id || ' expires at ' || coalesce(expires_at, 'some time') FROM request
    WHERE state = 'pending' AND expires_after IS NOT NULL
"""
NEXTS: Final = """\
SELECT next_at AS at FROM delivery WHERE next_at IS NOT NULL UNION ALL SELECT lease_until FROM delivery
    WHERE lease_until IS NOT NULL
UNION ALL SELECT ready_at FROM run WHERE ready_at IS NOT NULL UNION ALL SELECT lease_until FROM run
    WHERE lease_until IS NOT NULL
UNION ALL SELECT check_at FROM request WHERE check_at IS NOT NULL
"""
HURRY_SECONDS: Final = 2.0
LONG: Final = 2.0
"""Minutes from which on a campaign must have met each of the rare events."""
RARE: Final = (
    "clock steps",
    "requests expired",
    "requests rejected",
    "runs waiting",
    "runs cancelled",
    "acknowledged clicks",
    "acknowledged modals",
    "socket decisions refused",
    "socket commands without an answer",
    "calls under a key that was used before",
    "answers about steps of unknown outcome",
)
SIGNOFF: Final = Path(sys.executable).with_name("signoff")

Say = Callable[[str], None]


@dataclass
class Campaign:
    """One campaign and its findings. `seed` repeats the random choices, but not the timing of the machine."""

    minutes: float
    seed: int
    folder: Path
    say: Say
    figures: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def run(self) -> None:
        """Run the whole campaign, and collect its findings."""
        with small_disk(self.folder / "disk") as mounted:
            try:
                asyncio.run(self._run(self.folder / "disk" / "signoff.db", mounted=mounted))
            except Exception:  # noqa: BLE001 whatever it was, the folder is kept and named
                self.findings.append(Finding("campaign", f"it broke off: {traceback.format_exc()}"))
            self._keep()

    async def _run(self, database: Path, *, mounted: bool) -> None:
        dice = random.Random(self.seed)
        async with world(database) as here, servers(self.folder, here.settings(), multiplier=MULTIPLIER) as many:
            here.ahead = lambda: many.ahead
            slow = random.Random(dice.random())
            here.service.delay = lambda: slow.choice(SLOW_SECONDS)
            disk_spaces: list[DiskSpace] = [SmallDisk(database.parent) if mounted else Limit(many), Limit(many)]
            chaos = Chaos(here, many, disk_spaces, random.Random(dice.random()))
            clients = Clients(here, random.Random(dice.random()), round(self.minutes * RUNS_A_MINUTE))
            people = People(here, random.Random(dice.random()), clients)
            await (await many.fork()).up()
            await clients.register()
            try:
                await self._storm(here, chaos, clients, people)
                self.say("the storm is over; everything comes to rest …")
                await self._calm(here, many, people)
            finally:
                self._count(here, many, chaos, clients, people)
            here.evidence.export = self._export(here)
            here.evidence.messages = list(evidence.messages(here.slack.world))
            self.findings += [Finding("servers", what) for what in chaos.findings]
            self.findings += verdict.findings(here.evidence)
            self.findings += self._weak(here)
            if self.findings:
                here.evidence.save(self.folder)

    # -- the storm --

    async def _storm(self, here: World, chaos: Chaos, clients: Clients, people: People) -> None:
        seconds = self.minutes * 60
        assert chaos.servers.now is not None
        await chaos.servers.now.kill()
        acting = [
            clients.starting(seconds * 0.9),
            people.starting(0),
            clients.deciding(),
            clients.cancelling(),
            clients.attending(),
            # The owner clicks too, because she is asked where the approvers cannot be resolved.
            *(people.clicking(email) for email in (*APPROVERS, OWNER)),
            people.racing(),
            people.coming_late(),
        ]
        striking = [chaos.break_slack(), chaos.step_clock(), chaos.fill_disk(seconds), chaos.note_audit_heads()]
        tasks = [asyncio.ensure_future(one) for one in (*acting, *striking)]
        serving = asyncio.ensure_future(chaos.run_servers())
        try:
            await self._wait(seconds, chaos, clients, [*tasks, serving])
        finally:
            here.over.set()
            await asyncio.wait([*tasks, serving], timeout=FINISHING_SECONDS)
            await _cancel_tasks([*tasks, serving])

    async def _wait(self, seconds: float, chaos: Chaos, clients: Clients, tasks: list[asyncio.Future[None]]) -> None:
        """Wait until the time is over with enough blows and starts, or raise the error of a task."""
        loop = asyncio.get_running_loop()
        began = reported_at = loop.time()
        while (passed := loop.time() - began) < seconds * LONGER:
            await asyncio.sleep(0.5)
            for task in tasks:
                if task.done():
                    task.result()
            if loop.time() - reported_at > 30:
                reported_at = loop.time()
                self.say(
                    f"{passed:4.0f} s: {chaos.blows} blows, {clients.asked} starts, {chaos.servers.started} servers"
                )
            enough = chaos.blows >= self.minutes * BLOWS_A_MINUTE and clients.asked >= clients.runs
            if passed >= seconds and enough and not chaos.world.full:
                return

    # -- the calm --

    async def _calm(self, here: World, many: Servers, people: People) -> None:
        """Run one server without faults until everything is at rest; its clock is stepped to save time."""
        here.slack.faults.clear()
        here.service.delay = lambda: 0.0
        server = await many.fork()
        if not await server.up():
            self.findings.append(Finding("servers", "the last server did not start"))
            return
        loop = asyncio.get_running_loop()
        began = stepped = loop.time()
        while left := await self._settle(here, people):
            if loop.time() - began > REST_SECONDS or server.gone.is_set():
                self.findings += [Finding("rest", f"after {REST_SECONDS:g} s {what}") for what in left[:20]]
                break
            if loop.time() - stepped > HURRY_SECONDS:
                stepped = loop.time()
                many.step(self._until_next(here))
            await asyncio.sleep(0.3)
        self.figures["seconds until all was at rest"] = round(loop.time() - began)
        if not await server.stop() or server.code != 0:
            self.findings.append(Finding("servers", f"the last server did not end well: {server.code}"))

    def _until_next(self, here: World) -> float:
        """Return the seconds until the next due time. Deliveries that failed often wait for an hour."""
        nexts = [datetime.fromisoformat(row["at"]).replace(tzinfo=UTC) for row in here.evidence.rows(NEXTS)]
        left = [seconds for one in nexts if (seconds := (one - here.now).total_seconds()) > 0]
        # Add a little, so that rows which are due shortly afterwards are due as well.
        return min(left) + 5.0 if left else 0.0

    async def _settle(self, here: World, people: People) -> list[str]:
        """Repeat unanswered starts, decide open requests, and return descriptions of all unsettled rows."""
        for token in [token for token, told in here.evidence.starts.items() if token.isdecimal() and not told]:
            await people.terminal.start(token)
        for row in here.evidence.rows(STUCK):
            await people.terminal.attend(row["id"], here=True)
        waiting = open_requests(here)
        for row in waiting:
            if here.copy(OWNER, row["id"]) is None:
                await people.terminal.decide(row, "approve", plainly=True)
            else:
                await people.approve(OWNER, row["id"])
        unsettled = [str(row["what"]) for row in here.evidence.rows(UNSETTLED)]
        return unsettled + [f"request {row['id']} is still open" for row in waiting]

    # -- the end --

    def _export(self, here: World) -> str:
        command = [str(SIGNOFF), "audit", "export"]
        finished = subprocess.run(command, env=here.settings(), check=False, capture_output=True, encoding="utf-8")
        if finished.returncode:
            self.findings.append(Finding("audit", f"it cannot be exported: {finished.stderr}"))
        return finished.stdout

    def _count(self, here: World, many: Servers, chaos: Chaos, clients: Clients, people: People) -> None:
        found = here.evidence
        self.figures |= chaos.figures | people.figures
        self.figures |= Counter({f"fault {one.kind}": 0 for one in here.slack.faults.used})
        self.figures.update(f"fault {one.kind}" for one in here.slack.faults.used)
        self.figures |= Counter(
            {
                "servers": many.started,
                "blows": chaos.blows,
                "socket commands without an answer": clients.unanswered,
                "socket decisions refused": clients.refused,
                "acknowledgements held against the record": len(found.claims),
                "calls of the service": len(found.calls),
                "calls under a key that was used before": len(found.calls) - len({one.key for one in found.calls}),
                "answers about steps of unknown outcome": len(found.answers),
                "noted heads of the log": len(found.heads),
                "times that a server said the disk is full": many.said["full"],
                "tracebacks in the log": many.said["tracebacks"],
            }
        )
        with contextlib.suppress(sqlite3.Error):
            for row in found.rows("SELECT status, count(*) AS n FROM run GROUP BY status"):
                self.figures[f"runs {row['status']}"] = row["n"]
            for row in found.rows("SELECT state, count(*) AS n FROM request GROUP BY state"):
                self.figures[f"requests {row['state']}"] = row["n"]

    def _weak(self, here: World) -> list[Finding]:
        """Return a finding for each event that the campaign met too seldom to prove anything."""
        least = dict.fromkeys(RARE, 1) if self.minutes >= LONG else {}
        least |= {"runs": round(self.minutes * 100), "blows": round(self.minutes * 40)}
        self.figures["runs"] = len(here.evidence.runs)
        return [
            Finding("weak", f"{name}: {self.figures[name]}, and {wanted} is the least that proves anything")
            for name, wanted in least.items()
            if self.figures[name] < wanted
        ]

    def _keep(self) -> None:
        """Copy the database off the small disk, and write the findings to a file."""
        disk = self.folder / "disk"
        if disk.exists():
            shutil.copytree(disk, self.folder / "kept", ignore=shutil.ignore_patterns("*.sock"))
        lines = "\n".join(map(str, self.findings))
        (self.folder / "findings.txt").write_text(f"seed {self.seed}\n{lines}\n", encoding="utf-8")


async def _cancel_tasks(tasks: list[asyncio.Future[None]]) -> None:
    """Cancel the running tasks, and raise the first error of a task."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="signoff-soak-"))


Work = Coroutine[Any, Any, None]
