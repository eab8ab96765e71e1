"""One campaign: a storm of so many minutes, then calm until everything is at rest, then the verdict."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.soak import evidence, verdict
from tests.soak.chaos import BLOWS_A_MINUTE, LONGER, Chaos
from tests.soak.clients import STUCK, Clients, open_requests
from tests.soak.colleagues import Colleagues
from tests.soak.disk_full import DiskSpace, Limit, SmallDisk, small_disk
from tests.soak.evidence import Evidence
from tests.soak.people import People
from tests.soak.servers import Servers, servers
from tests.soak.verdict import Finding
from tests.soak.world import EVERYONE, MULTIPLIER, OWNER, SLOW_SECONDS, TOGETHER, World, world

RUNS_A_MINUTE: Final = 104
REST_SECONDS: Final = 240.0
"""How many seconds after the storm everything must be at rest; a longer time is a finding."""
FINISHING_SECONDS: Final = 15.0
UNSETTLED: Final = """\
SELECT 'run ' || id || ' is ' || status AS what FROM run WHERE ended_at IS NULL AND NOT
    (status = 'waiting' AND ready_at IS NULL AND id IN (SELECT run FROM request WHERE state = 'pending'))
UNION ALL SELECT 'run ' || id || ' ended and is ready' FROM run WHERE ended_at IS NOT NULL AND ready_at IS NOT NULL
UNION ALL SELECT 'copy ' || id || ' is due at ' || CAST(next_at AS TEXT) FROM delivery WHERE next_at IS NOT NULL
UNION ALL SELECT 'absence ' || id || ' moves at ' || CAST(moves_at AS TEXT) FROM absence WHERE moves_at IS NOT NULL
UNION ALL SELECT 'request ' || id || ' is to be looked at at ' || CAST(check_at AS TEXT) FROM request
    WHERE state = 'pending' AND check_at IS NOT NULL AND clocks IS NOT NULL
UNION ALL SELECT 'request ' || id || ' expires at ' || coalesce(CAST(expires_at AS TEXT), 'some time') FROM request
    WHERE state = 'pending' AND expires_after IS NOT NULL
"""
NEXTS: Final = """\
SELECT next_at AS at FROM delivery WHERE next_at IS NOT NULL UNION ALL SELECT lease_until FROM delivery
    WHERE lease_until IS NOT NULL
UNION ALL SELECT ready_at FROM run WHERE ready_at IS NOT NULL UNION ALL SELECT lease_until FROM run
    WHERE lease_until IS NOT NULL
UNION ALL SELECT check_at FROM request WHERE check_at IS NOT NULL
UNION ALL SELECT moves_at FROM absence WHERE moves_at IS NOT NULL
"""
HURRY_SECONDS: Final = 2.0
SMALLEST_STEP: Final = 20.0
"""Seconds by which the clock is stepped at least, because reminders and absences make many small waits."""
LONG: Final = 2.0
"""Minutes from which on a campaign must have met each of the rare events."""
PASSED_ON: Final = {
    "absences": "person.away",
    "places passed on": "request.handed_on",
    "questions": "request.question_asked",
    "answers to questions": "request.question_answered",
    "escalations": "request.escalated",
}
"""Figures that count entries of the log."""
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
    "starts in Slack",
    *PASSED_ON,
    "reminders",
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
    _tried: set[str] = field(default_factory=set)
    """Requests that the operator has tried to decide since the storm."""

    @property
    def least_blows(self) -> float:
        """SIGKILLs and SIGSTOPs that the storm waits for."""
        return self.minutes * BLOWS_A_MINUTE

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
        async with (
            world(database) as soak_world,
            servers(self.folder, soak_world.settings(), multiplier=MULTIPLIER) as all_servers,
        ):
            soak_world.ahead = lambda: all_servers.ahead
            slow = random.Random(dice.random())
            soak_world.service.delay = lambda: slow.choice(SLOW_SECONDS)
            disk_spaces: list[DiskSpace] = [
                SmallDisk(database.parent) if mounted else Limit(all_servers),
                Limit(all_servers),
            ]
            chaos = Chaos(soak_world, all_servers, disk_spaces, random.Random(dice.random()))
            clients = Clients(soak_world, random.Random(dice.random()), round(self.minutes * RUNS_A_MINUTE))
            people = People(soak_world, random.Random(dice.random()), clients)
            server = await all_servers.fork()
            await server.becomes_ready()
            await clients.register()
            await server.kill()
            strikes = [chaos.step_clock(), chaos.fill_disk(self.minutes * 60)]
            try:
                await self._storm(chaos, clients, people, strikes, [chaos.run_servers()])
                await self._calm(soak_world, all_servers, people, [""])
            finally:
                self._count(soak_world, all_servers, chaos, clients, people)
            self._judge(soak_world, chaos)

    def _judge(self, world: World, chaos: Chaos) -> None:
        """Complete the evidence, and collect the findings of all checks."""
        world.evidence.export = self._export(world)
        world.evidence.ended_at = world.now.replace(tzinfo=None).isoformat(" ", "microseconds")
        world.evidence.messages = list(evidence.messages(world.slack.world))
        self.findings += [Finding("servers", sentence) for sentence in chaos.findings]
        self.findings += verdict.findings(world.evidence)
        self.findings += self._weak(world)
        if self.findings:
            world.evidence.save(self.folder)

    # -- the storm --

    async def _storm(
        self, chaos: Chaos, clients: Clients, people: People, strikes: Sequence[Work], serving: Sequence[Work]
    ) -> None:
        """Let people act and faults strike. `serving`: runs servers, and strikes them; `strikes`: the other faults."""
        seconds = self.minutes * 60
        acting = [
            clients.start_runs(seconds * 0.9),
            people.start_runs(0),
            clients.decide_requests(),
            clients.cancel_runs(),
            clients.attend_runs(),
            # The owner clicks too, because she is asked where the approvers cannot be resolved.
            *(people.click_requests(email) for email in EVERYONE),
            people.race(),
            *Colleagues(people.world, people.dice, people, people.figures).works(),
            people.decide_late(),
        ]
        striking = [chaos.break_slack(), chaos.note_audit_heads(), *strikes]
        tasks: list[asyncio.Future[None]] = [asyncio.ensure_future(work) for work in (*acting, *striking, *serving)]
        try:
            await self._wait(seconds, chaos, clients, tasks)
        finally:
            chaos.world.over.set()
            await asyncio.wait(tasks, timeout=FINISHING_SECONDS)
            await _cancel_tasks(tasks)

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
            enough = chaos.blows >= self.least_blows and clients.asked >= clients.runs
            if passed >= seconds and enough and not chaos.world.unwritable:
                return

    # -- the calm --

    async def _calm(self, world: World, all_servers: Servers, people: People, slots: Sequence[str]) -> None:
        """Run servers without faults until everything is at rest; their clock is stepped to save time."""
        self.say("the storm is over; everything comes to rest …")
        world.slack.faults.clear()
        world.service.delay = lambda: 0.0
        last = [await all_servers.fork(slot) for slot in slots]
        if not all([await server.becomes_ready() for server in last]):
            self.findings.append(Finding("servers", "the last server did not start"))
            return
        loop = asyncio.get_running_loop()
        began = stepped = loop.time()
        while unsettled := await self._settle(world, people):
            if loop.time() - began > REST_SECONDS or any(server.gone.is_set() for server in last):
                self.findings += [
                    Finding("rest", f"after {REST_SECONDS:g} s {sentence}") for sentence in unsettled[:20]
                ]
                break
            if loop.time() - stepped > HURRY_SECONDS:
                stepped = loop.time()
                all_servers.step(self._until_next(world))
            await asyncio.sleep(0.3)
        self.figures["seconds until all was at rest"] = round(loop.time() - began)
        for server in last:
            if not await server.stop() or server.code != 0:
                self.findings.append(Finding("servers", f"the last server did not end well: {server.code}"))

    def _until_next(self, world: World) -> float:
        """Return the seconds until the next due time. Deliveries that failed often wait for an hour."""
        nexts = [datetime.fromisoformat(row["at"]).replace(tzinfo=UTC) for row in world.tables.rows(NEXTS)]
        waits = [seconds for moment in nexts if (seconds := (moment - world.now).total_seconds()) > 0]
        # Add a little, so that rows which are due shortly afterwards are due as well.
        return max(min(waits) + 5.0, SMALLEST_STEP) if waits else 0.0

    async def _settle(self, world: World, people: People) -> list[str]:
        """Repeat unanswered starts, decide open requests, and return descriptions of all unsettled rows."""
        for token in [
            token for token, started_runs in world.evidence.starts.items() if token.isdecimal() and not started_runs
        ]:
            await people.terminal.start(token)
        for row in world.tables.rows(STUCK):
            await people.terminal.attend(row["id"], in_terminal=True)
        waiting = open_requests(world)
        for row in waiting:
            if row["name"] in TOGETHER or world.copy(OWNER, row["id"]) is None:
                await people.terminal.decide(row, "approve", plainly=True)
            else:
                await people.approve(OWNER, row["id"])
            if row["name"] in TOGETHER or row["id"] in self._tried:
                # The place of the operator may have been passed on.
                for email in EVERYONE:
                    await people.approve(email, row["id"])
            self._tried.add(row["id"])
        await people.terminal.cancel_short()
        unsettled = [str(row["what"]) for row in world.tables.rows(UNSETTLED)]
        return unsettled + [f"request {row['id']} is still open" for row in waiting]

    # -- the end --

    def _export(self, world: World) -> str:
        command = [str(SIGNOFF), "audit", "export"]
        finished = subprocess.run(command, env=world.settings(), check=False, capture_output=True, encoding="utf-8")
        if finished.returncode:
            self.findings.append(Finding("audit", f"it cannot be exported: {finished.stderr}"))
        return finished.stdout

    def _count(self, world: World, all_servers: Servers, chaos: Chaos, clients: Clients, people: People) -> None:
        collected = world.evidence
        self.figures |= chaos.figures | people.figures
        self.figures |= Counter({f"fault {fault.kind}": 0 for fault in world.slack.faults.used})
        self.figures.update(f"fault {fault.kind}" for fault in world.slack.faults.used)
        self.figures |= Counter(
            {
                "servers": all_servers.started,
                "blows": chaos.blows,
                "socket commands without an answer": clients.unanswered,
                "socket decisions refused": clients.refused,
                "places handed on": clients.handed_on,
                "acknowledgements held against the record": len(collected.claims),
                "calls of the service": len(collected.calls),
                "calls under a key that was used before": len(collected.calls)
                - len({call.key for call in collected.calls}),
                "noted heads of the log": len(collected.heads),
                "times that a server said the disk is full": all_servers.line_counts["full"],
                "tracebacks in the log": all_servers.line_counts["tracebacks"],
            }
        )
        for row in world.rows("SELECT status, count(*) AS n FROM run GROUP BY status"):
            self.figures[f"runs {row['status']}"] = row["n"]
        for row in world.rows("SELECT state, count(*) AS n FROM request GROUP BY state"):
            self.figures[f"requests {row['state']}"] = row["n"]

    def _weak(self, world: World) -> list[Finding]:
        """Return a finding for each event that the campaign met too seldom to prove anything."""
        least = self._least()
        self.figures["runs"] = len(world.evidence.runs)
        self.figures |= Counter({name: len(world.evidence.logged(kind)) for name, kind in PASSED_ON.items()})
        reminded = world.evidence.rows("SELECT id FROM delivery WHERE kind = 'reminder' AND state = 'shown'")
        self.figures["reminders"] = len(reminded)
        self.figures["answers about steps of unknown outcome"] = len(world.evidence.answers)
        self.figures["approvals of contents that were edited afterwards"] = len(_voided(world.evidence))
        return [
            Finding("weak", f"{name}: {self.figures[name]}, and {minimum} is the least that proves anything")
            for name, minimum in least.items()
            if self.figures[name] < minimum
        ]

    def _least(self) -> dict[str, int]:
        """Return how often each event must have been met."""
        least = dict.fromkeys(RARE, 1) if self.minutes >= LONG else {}
        return least | {"runs": round(self.minutes * 100), "blows": round(self.minutes * 40)}

    def _keep(self) -> None:
        """Copy the database off the small disk, and write the findings to a file."""
        disk = self.folder / "disk"
        if disk.exists():
            shutil.copytree(disk, self.folder / "kept", ignore=shutil.ignore_patterns("*.sock"))
        lines = "\n".join(map(str, self.findings))
        (self.folder / "findings.txt").write_text(f"seed {self.seed}\n{lines}\n", encoding="utf-8")


def _voided(collected: Evidence) -> list[str]:
    """Return the approvals that an edit has voided."""
    return [
        row["id"]
        for request, rows in collected.decisions.items()
        for row in rows
        if row["content_version"] < collected.requests[request]["content_version"]
    ]


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
