"""Nothing is lost, doubled or skipped when the server is killed at random moments while clients race each other.

A server is killed again and again, while clients start, decide, cancel and resume through its socket, and an HTTP
service counts the effects. At the end the tables, the counted effects and the answers to clients must agree.
`SIGNOFF_TEST_SEED` repeats the random choices of a campaign, but not the scheduling of the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.local import client
from bot.local.reply import CommandReply
from engine import json_values
from engine.errors import StoreError
from engine.json_values import Value
from tests.support.http_service import PATIENCE, HttpService, Post
from tests.support.processes import OPERATOR, Installation, Server, create_installation, serving

SEED = int(os.environ.get("SIGNOFF_TEST_SEED") or random.SystemRandom().randrange(2**32))
KILLS = 20
RUNS = 150
"""Maximum number of runs in a campaign: enough to keep every client busy, and few enough to end soon."""
PENDING = "SELECT id, run, at FROM request WHERE state = 'pending' ORDER BY id"
OPEN = ("running", "waiting", "needs_attention")

WORKFLOW = """\
name: NAME
title: Pay
owner: OPERATOR
inputs:
  token: {type: text}
steps:
  - id: note
    uses: set
    with: {text: "pay {{ inputs.token }}"}
  - id: pay
    uses: http
    IDEMPOTENT
    with:
      method: POST
      url: URL/pay
      json: {token: "{{ inputs.token }}", text: "{{ steps.note.text }}"}
    gate:
      approvers: [OPERATOR]
      edit: [json.text]
      reason_required: always
  - id: receipt
    uses: set
    with: {number: "{{ steps.pay.body.receipt }}", text: "paid {{ inputs.token }}"}
    gate: {at: after, approvers: [OPERATOR], edit: [text], reason_required: always}
  - id: close
    uses: set
    with: {text: "{{ steps.receipt.text }}"}
"""


def register(installation: Installation, name: str, url: str, idempotent: str = "") -> None:
    text = WORKFLOW.replace("NAME", name).replace("OPERATOR", OPERATOR).replace("URL", url)
    file = installation.write(
        f"{name}.yaml", text.replace("    IDEMPOTENT\n", f"    {idempotent}\n" if idempotent else "")
    )
    finished = installation.run("register", file)
    assert finished.code == 0, finished.output


def rows(database: Path, query: str, *values: object) -> list[sqlite3.Row]:
    """Query the database without the code of the product."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()


@dataclass(frozen=True, slots=True)
class DecisionAttempt:
    """One decision that a client asked for. `reply` is None if the server died before it answered."""

    request: str
    token: str
    verdict: str
    edits: dict[str, str]
    reply: CommandReply | None


@dataclass
class Campaign:
    """The clients, and what they did. They run in threads, so the lists are only appended to."""

    installation: Installation
    http_service: HttpService
    started: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The runs in the answers to starts, by key. A key without an answer is there too."""
    attempts: list[DecisionAttempt] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)
    repeats: Counter[str] = field(default_factory=Counter)
    """How often `repeat` may have been sent for a run. It is counted before it is sent."""
    over: threading.Event = field(default_factory=threading.Event)
    failures: list[BaseException] = field(default_factory=list)

    # -- commands --

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        return rows(self.installation.database, query, *values)

    async def ask(self, command: str, arguments: dict[str, Value]) -> CommandReply | None:
        """Send a command, and return the answer, or None if there was none and its effect is unknown."""
        try:
            return await client.ask(self.installation.database, command, arguments)
        except StoreError:
            return None

    async def start(self, key: str) -> bool:
        workflow = "sure" if int(key) % 2 else "unsure"
        self.started[key]
        reply = await self.ask("start", {"workflow": workflow, "inputs": {"token": key}, "key": key})
        if reply is None:
            return False
        assert reply.refused is None, reply
        self.started[key].add(str(reply.facts["run"]))
        return True

    async def decide(self, request: str, token: str, verdict: str, edits: dict[str, str]) -> None:
        arguments: dict[str, Value] = {"request": request, "verdict": verdict, "edits": {**edits}, "reason": token}
        reply = await self.ask("decide", arguments)
        self.attempts.append(DecisionAttempt(request, token, verdict, edits, reply))

    async def cancel(self, run: str) -> None:
        reply = await self.ask("cancel", {"run": run, "reason": "changed my mind"})
        if reply is not None and reply.refused is None:
            self.cancelled.add(run)

    async def attend(self, run: str) -> None:
        """Answer for a step of unknown outcome."""
        happened = self.http_service.count(run) > 0
        arguments: dict[str, Value] = {"run": run, "answer": "done" if happened else "repeat"}
        if happened:
            arguments["output"] = {"status": 200, "headers": {}, "body": {"receipt": 0}}
        else:
            self.repeats[run] += 1
        await self.ask("resume", arguments)

    # -- clients --

    async def start_runs(self, dice: random.Random, first: int) -> None:
        for number in range(first, RUNS, 2):
            # A client without an answer repeats the start with the same key.
            while not self.over.is_set() and not await self.start(str(number)):
                time.sleep(0.05)  # noqa: ASYNC251 this client has a loop of its own
            if dice.random() < 0.2:
                await self.start(str(number))
            await asyncio.sleep(dice.uniform(0, 0.4))
            if self.over.is_set():
                return

    async def decide_requests(self, dice: random.Random, name: str) -> None:
        count = 0
        while not self.over.is_set():
            pending = [row for row in self.rows(PENDING) if not left_waiting(row["run"])][:6]
            racing = []
            for row in dice.sample(pending, min(len(pending), 2)):
                for _ in range(dice.choice((1, 2, 3))):
                    count += 1
                    verdict = "reject" if dice.random() < 0.12 else "approve"
                    edits = self.edits(row, f"{name}-{count}") if verdict == "approve" and dice.random() < 0.4 else {}
                    racing.append(self.decide(row["id"], f"{name}-{count}", verdict, edits))
            await asyncio.gather(*racing)
            await asyncio.sleep(dice.uniform(0, 0.1))

    def edits(self, row: sqlite3.Row, token: str) -> dict[str, str]:
        return {"json.text" if row["at"] == "before" else "text": f"edited by {token}"}

    async def cancel_runs(self, dice: random.Random) -> None:
        while not self.over.is_set():
            runs = self.rows("SELECT id FROM run WHERE ended_at IS NULL AND cancel IS NULL")
            if runs:
                await self.cancel(dice.choice(runs)["id"])
            await asyncio.sleep(dice.uniform(1, 3))

    async def attend_runs(self) -> None:
        while not self.over.is_set():
            for row in self.rows("SELECT id FROM run WHERE status = 'needs_attention' AND cancel IS NULL"):
                await self.attend(row["id"])
            await asyncio.sleep(0.3)

    @contextmanager
    def clients(self, dice: random.Random) -> Iterator[None]:
        """Run all clients while the body runs, each in its own thread."""
        seeds = [random.Random(dice.random()) for _ in range(6)]
        works: list[Callable[[], Any]] = [
            lambda: self.start_runs(seeds[0], 0),
            lambda: self.start_runs(seeds[1], 1),
            lambda: self.decide_requests(seeds[2], "ann"),
            lambda: self.decide_requests(seeds[3], "bob"),
            lambda: self.decide_requests(seeds[4], "cem"),
            lambda: self.cancel_runs(seeds[5]),
            self.attend_runs,
        ]
        threads = [threading.Thread(target=self._work, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _work(self, work: Callable[[], Any]) -> None:
        try:
            asyncio.run(work())
        except BaseException as failure:  # noqa: BLE001 the test raises it
            self.failures.append(failure)

    # -- the end --

    def drain(self) -> None:
        """Repeat every start, answer for steps of unknown outcome, and decide all requests that must not wait."""
        asyncio.run(self._drain())

    async def _drain(self) -> None:
        for key in list(self.started):
            assert await self.start(key)
        deadline = time.monotonic() + PATIENCE
        while stuck := self.stuck():
            assert time.monotonic() < deadline, [dict(row) for row in stuck]
            for row in self.rows("SELECT id FROM run WHERE status = 'needs_attention' AND cancel IS NULL"):
                await self.attend(row["id"])
            for row in self.rows(PENDING):
                if not left_waiting(row["run"]):
                    await self.decide(row["id"], f"last-{row['id']}", "approve", {})
            await asyncio.sleep(0.2)

    def stuck(self) -> list[sqlite3.Row]:
        """Return the runs and requests that are not at rest."""
        unsettled = self.rows(
            "SELECT id, status, ready_at, lease_until FROM run WHERE ended_at IS NULL AND NOT "
            "(status = 'waiting' AND ready_at IS NULL AND id IN (SELECT run FROM request WHERE state = 'pending'))"
        )
        return [*unsettled, *(row for row in self.rows(PENDING) if not left_waiting(row["run"]))]


def left_waiting(run: str) -> bool:
    """Return whether all clients leave this run waiting, so that some requests are open at the end."""
    return run.endswith(("0", "1", "2"))


def kill_servers(installation: Installation, dice: random.Random) -> None:
    for number in range(KILLS):
        server = Server(installation)
        try:
            if number % 5 == 4:
                time.sleep(dice.uniform(0.2, 1.2))  # while it starts
            else:
                server.wait_until_ready()
                time.sleep(dice.uniform(0.05, 1.3))
        finally:
            server.kill()


@pytest.mark.timeout(600)
def test_twenty_kills_lose_double_and_skip_nothing(tmp_path: Path, http_service: HttpService) -> None:
    print(f"SIGNOFF_TEST_SEED={SEED}")  # noqa: T201 pytest shows it when the test fails
    dice = random.Random(SEED)
    installation = create_installation(tmp_path)
    register(installation, "sure", http_service.url, "idempotent: true")
    register(installation, "unsure", http_service.url)
    slow = random.Random(dice.random())
    http_service.delay = lambda: slow.choice((0.0, 0.1, 0.5, 1.0, 1.5))
    campaign = Campaign(installation, http_service)

    with campaign.clients(dice):
        kill_servers(installation, dice)
    assert campaign.failures == []
    http_service.delay = lambda: 0.0
    with serving(installation) as server:
        campaign.drain()
        assert server.stop() == 0

    check_starts(campaign)
    check_runs(campaign)
    check_decisions(campaign)
    check_effects(campaign)
    verified = installation.run("audit", "verify")
    assert (verified.code, "The audit log is intact." in verified.out) == (0, True), verified.output
    check_coverage(campaign)


def check_coverage(campaign: Campaign) -> None:
    """Check that the campaign had the events that it is meant to test."""
    counts = Counter(row["status"] for row in campaign.rows("SELECT status FROM run"))
    kinds = Counter(json.loads(row["leaf"])["kind"] for row in campaign.rows("SELECT leaf FROM audit"))
    keys = {post.key for post in campaign.http_service.posts}
    print(  # noqa: T201
        f"{dict(counts)}, {len(campaign.attempts)} attempts, {kinds['step.outcome_unknown']} outcomes unknown, "
        f"{len(campaign.http_service.posts)} calls with {len(keys)} keys"
    )
    assert counts["succeeded"] > 10
    assert counts["rejected"] > 0
    assert kinds["step.outcome_unknown"] > 0
    assert any(attempt.reply is None for attempt in campaign.attempts)
    assert any(attempt.reply is not None and attempt.reply.refused for attempt in campaign.attempts)


def check_starts(campaign: Campaign) -> None:
    """Check that every acknowledged start is one run, always the same."""
    by_key = Counter(row["key"] for row in campaign.rows("SELECT key FROM run"))
    assert set(by_key) == set(campaign.started)
    assert set(by_key.values()) == {1}
    for row in campaign.rows("SELECT id, key, inputs FROM run"):
        assert campaign.started[row["key"]] == {row["id"]}
        assert json.loads(row["inputs"]) == {"token": row["key"]}


def check_runs(campaign: Campaign) -> None:
    """Check that every run has ended or waits for a request, and that its status follows from its requests."""
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    for row in campaign.rows("SELECT run, step, state FROM request"):
        assert row["step"] not in answers[row["run"]], "a step was asked about twice"
        answers[row["run"]][row["step"]] = row["state"]
    for row in campaign.rows("SELECT id, status, ended_at, cancel FROM run"):
        states = answers[row["id"]]
        match row["status"]:
            case "waiting":
                assert "pending" in states.values()
            case "succeeded":
                assert states == {"pay": "approved", "receipt": "approved"}
            case "rejected":
                assert "rejected" in states.values()
                assert "pending" not in states.values()
            case "cancelled":
                assert row["cancel"] is not None
                assert "pending" not in states.values()
            case other:
                pytest.fail(f"run {row['id']} is {other}")
        assert (row["ended_at"] is None) == (row["status"] == "waiting")
    for run in campaign.cancelled:
        assert campaign.rows("SELECT status FROM run WHERE id = ?", run)[0]["status"] == "cancelled"


def check_decisions(campaign: Campaign) -> None:
    """Check that a request has one decision, and that only the client that made it got a confirmation."""
    recorded = campaign.rows("SELECT id, request, verdict, reason, edits FROM decision")
    states = {row["id"]: row["state"] for row in campaign.rows("SELECT id, state FROM request")}
    assert max(Counter(row["request"] for row in recorded).values()) == 1
    decided = {row["request"]: row for row in recorded}
    becomes = {"approve": "approved", "reject": "rejected"}
    assert {name: row["verdict"] for name, row in decided.items()} == {
        name: state for name, state in states.items() if state in becomes.values()
    }
    by_token = {attempt.token: attempt for attempt in campaign.attempts}
    for row in recorded:
        attempt = by_token[row["reason"]]
        assert (attempt.request, becomes[attempt.verdict]) == (row["request"], row["verdict"])
        after = {".".join(edit["path"]): edit["after"] for edit in json.loads(row["edits"] or "[]")}
        assert after == attempt.edits
        if attempt.reply is not None:
            assert attempt.reply.refused is None
            assert attempt.reply.facts["decision"] == row["id"]
    for attempt in campaign.attempts:
        if attempt.reply is None:
            continue
        if attempt.reply.refused is None:
            assert decided[attempt.request]["reason"] == attempt.token
        else:
            lost = "Cancelled" if states[attempt.request] == "cancelled" else "AlreadyDecided"
            assert attempt.reply.facts["refusal"] == lost, attempt
    audited = Counter(
        (entry["kind"], entry["request"])
        for entry in (json.loads(row["leaf"]) for row in campaign.rows("SELECT leaf FROM audit"))
        if entry["kind"] in ("request.approved", "request.rejected")
    )
    assert audited == Counter((f"request.{row['verdict']}", row["request"]) for row in recorded)


def check_effects(campaign: Campaign) -> None:
    """Check that each effect was approved before with the same content, and repeated only where that is allowed."""
    posts: dict[str, list[Post]] = defaultdict(list)
    for post in campaign.http_service.posts:
        posts[post.key].append(post)
    runs = {
        row["id"]: row
        for row in campaign.rows("SELECT run.*, workflow.name FROM run JOIN workflow ON workflow.id = run.workflow")
    }
    assert set(posts) <= {f"{run}:pay:1" for run in runs}
    for key, calls in posts.items():
        run = runs[key.partition(":")[0]]
        (approval,) = campaign.rows(
            "SELECT request.content, decision.* FROM request JOIN decision ON decision.request = request.id "
            "WHERE request.run = ? AND request.step = 'pay'",
            run["id"],
        )
        assert approval["verdict"] == "approved"
        approved_body = json.loads(approval["content"])["value"]["json"]
        for edit in json.loads(approval["edits"] or "[]"):
            approved_body = json_values.replace(approved_body, tuple(edit["path"][1:]), edit["after"])
        assert approved_body["token"] == run["key"]
        decided_at = datetime.fromisoformat(approval["decided_at"]).replace(tzinfo=UTC)
        for call in calls:
            assert call.body == approved_body
            assert call.at >= decided_at
        if run["name"] == "unsure":
            assert len(calls) <= 1 + campaign.repeats[run["id"]]
    for run in runs.values():
        if run["status"] == "succeeded":
            assert posts[f"{run['id']}:pay:1"], "a run succeeded without its effect"


def test_a_run_survives_the_death_of_every_process_that_carries_it(tmp_path: Path, http_service: HttpService) -> None:
    installation = create_installation(tmp_path)
    register(installation, "unsure", http_service.url)
    with serving(installation) as server:
        started = installation.run("run", "unsure", "-i", "token=t1", "--key", "k", "--json").json
        server.kill()
    run = started["run"]
    (request,) = installation.run("requests", "--json").json
    assert request["run"] == run

    http_service.may_answer.clear()
    command = installation.start("decide", request["id"], "edit", "json.text=by hand", "--reason", "ok")
    http_service.wait_for(1)
    command.kill()
    command.communicate()
    http_service.may_answer.set()
    (decided,) = installation.run("requests", "--all", "--json").json
    assert (decided["state"], decided["decision"]["edits"][0]["after"]) == ("approved", "by hand")

    with serving(installation) as server:
        wait_for_status(installation, run, "needs_attention")
        assert installation.run("resume", run, "done", "--output", '{"body": {"receipt": 7}}').code == 0
        (after,) = installation.run("requests", "--json").json
        assert after["content"] == {"number": 7, "text": "paid t1"}
        assert installation.run("decide", after["id"], "approve", "--reason", "ok").code == 0
        wait_for_status(installation, run, "succeeded")
        assert server.stop() == 0
    assert [post.body for post in http_service.posts] == [{"token": "t1", "text": "by hand"}]
    assert installation.run("audit", "verify").code == 0


def wait_for_status(installation: Installation, run: str, status: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while (current := rows(installation.database, "SELECT status FROM run WHERE id = ?", run)[0]["status"]) != status:
        assert time.monotonic() < deadline, f"it is {current}"
        assert current in OPEN
        time.sleep(0.1)
