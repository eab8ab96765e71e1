"""Processes are killed while people answer what Signoff asks: what follows from an answer happens with it, and once.

With a file it is the server that carries an answer out, and with a server of databases the command itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from bot.databases import libpq
from bot.local import client
from engine.domain.oversight import OversightPurpose
from engine.json_values import Value
from tests.flow.test_failure_crashes import until
from tests.support.processes import OPERATOR, Installation, Server, create_installation, serving

AUTHOR: Final = "ann@example.com"
SOURCE: Final = f"""\
name: pay
owner: {OPERATOR}
steps:
  - id: pay
    uses: set
    with: {{amount: 12}}
    gate:
      approvers: [{OPERATOR}]
      autonomy: {{clean: 1, sample: 1%, review_after: 99%, only_when: true}}
"""
PLAIN: Final = SOURCE.replace("      autonomy: {clean: 1, sample: 1%, review_after: 99%, only_when: true}\n", "")
DELAYS: Final = (0.0, 0.004, 0.02)
"""Seconds between the command and the kill: before it is carried out, meanwhile, and after."""
SLOWER: Final = 50
"""How many times as long a command takes that opens the database itself."""
Answer = tuple[str, str, str | None]
"""A request, the verdict, and the reason."""


@pytest.fixture
def installation(tmp_path: Path, server_database: dict[str, str]) -> Installation:
    made = create_installation(tmp_path)
    made.settings.update(server_database)
    return made


def row(installation: Installation, query: str, *, writes: bool = False) -> Mapping[str, Any] | None:
    """Query the database without the code of the product."""
    if installation.is_on_server:
        return asyncio.run(_fetch(libpq(installation.settings["SIGNOFF_DATABASE_URL"]), query))
    if not writes and not installation.database.exists():
        return None
    with closing(sqlite3.connect(installation.database, timeout=10)) as connection, connection:
        connection.row_factory = sqlite3.Row
        found: sqlite3.Row | None = connection.execute(query).fetchone()
        return None if found is None else dict(found)


async def _fetch(url: str, query: str) -> Mapping[str, Any] | None:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchrow(query)
    finally:
        await connection.close()
    return None if found is None else dict(found)


def as_author(installation: Installation, *arguments: str | Path) -> None:
    """Run a command as the person who writes the file and starts the runs, while no server is up."""
    installation.settings["SIGNOFF_OPERATOR"] = AUTHOR
    finished = installation.run(*arguments)
    assert finished.code == 0, finished.output
    installation.settings["SIGNOFF_OPERATOR"] = OPERATOR


def decide(installation: Installation, request: str, verdict: str, reason: str | None = None) -> None:
    if installation.is_on_server:
        decided = installation.run("decide", *_arguments(request, verdict, reason))
        assert decided.code == 0, decided.output
        return
    facts: dict[str, Value] = {"request": request, "verdict": verdict, "edits": {}, "confirmed": True, "reason": reason}
    reply = asyncio.run(client.ask(installation.database, "decide", facts))
    assert reply is not None
    assert reply.refused is None, reply


def _arguments(request: str, verdict: str, reason: str | None) -> list[str]:
    return [request, verdict, "--yes", *(["--reason", reason] if reason is not None else [])]


def waiting(installation: Installation, purpose: OversightPurpose) -> str:
    """Return the request that Signoff asks for this purpose, once it does."""
    query = (
        "SELECT request.id FROM request JOIN oversight_request ON oversight_request.run = request.run"
        f" WHERE purpose = '{purpose}' AND request.state = 'pending'"
    )
    until(lambda: row(installation, query))
    found = row(installation, query)
    assert found is not None
    return str(found["id"])


def answer_and_kill(installation: Installation, server: Server, answer: Answer, delay: float) -> None:
    """Kill what carries out an answer while it does, and the server, whether a reply comes or not."""
    if installation.is_on_server:
        command = installation.start("decide", *_arguments(*answer))
        time.sleep(delay * SLOWER)
        command.kill()
        command.communicate()
        server.kill()
        return

    def send() -> None:
        # Without a reply the answer may have been recorded or not: that is what is looked at afterwards.
        with suppress(Exception):
            decide(installation, *answer)

    sending = threading.Thread(target=send)
    sending.start()
    time.sleep(delay)
    server.kill()
    sending.join()


def count(installation: Installation, table: str, where: str) -> int:
    found = row(installation, f"SELECT count(*) AS number FROM {table} WHERE {where}")
    assert found is not None
    return int(found["number"])


def entries(installation: Installation, kind: str) -> int:
    return count(installation, "audit", f"""leaf LIKE '%"kind":"{kind}"%'""")


def propose(installation: Installation) -> str:
    """Return the request that asks whether a share may go through, after one approval."""
    as_author(installation, "register", installation.write("pay.yaml", SOURCE))
    as_author(installation, "run", "pay")
    with serving(installation) as server:
        until(lambda: row(installation, "SELECT 1 FROM request"))
        first = row(installation, "SELECT id FROM request")
        assert first is not None
        decide(installation, str(first["id"]), "approve")
        request = waiting(installation, OversightPurpose.CHANGE_STAGE)
        assert server.stop() == 0
    return request


def pass_unreviewed(installation: Installation) -> str:
    """Return the request that asks afterwards about what went through."""
    request = propose(installation)
    with serving(installation) as server:
        decide(installation, request, "approve")
        assert server.stop() == 0
    while not count(installation, "gate_draw", "request IS NULL AND is_later"):
        as_author(installation, "run", "pay")
        with serving(installation) as server:
            until(lambda: not count(installation, "run", "status = 'running' AND workflow IS NOT NULL"))
            assert server.stop() == 0
    with serving(installation) as server:
        request = waiting(installation, OversightPurpose.LATER_REVIEW)
        assert server.stop() == 0
    return request


def recommend(installation: Installation) -> str:
    """Return the request that asks for a recommended change."""
    as_author(installation, "register", installation.write("pay.yaml", PLAIN))
    row(
        installation,
        "INSERT INTO insight_evidence SELECT workspace, id, version, 'pay', 400, 0, 0, 0 FROM workflow"
        " WHERE name = 'pay'",
        writes=True,
    )
    with serving(installation) as server:
        asked = installation.run("insights", "--open", "1")
        assert asked.code == 0, asked.output
        request = waiting(installation, OversightPurpose.CHANGE_GATE)
        assert server.stop() == 0
    return request


def is_relaxed(installation: Installation) -> list[int]:
    """Return what an agreement leads to, counted."""
    stages = count(installation, "sampling_plan", "stage = 'sample' AND proposal IS NULL")
    return [stages, entries(installation, "autonomy.relaxed")]


def is_tightened(installation: Installation) -> list[int]:
    """Return what a flag leads to, counted."""
    stages = count(installation, "sampling_plan", "stage = 'all'")
    return [stages, entries(installation, "autonomy.tightened"), entries(installation, "run.incident")]


def is_changed(installation: Installation) -> list[int]:
    """Return what the approval of a change leads to, counted."""
    versions = "workflow IN (SELECT id FROM workflow WHERE name = 'pay')"
    newest = count(installation, "workflow", "name = 'pay' AND version = 2")
    return [newest, count(installation, "workflow_version", f"{versions} AND version > 1")]


def test_insights_are_counted_anew_by_a_command(installation: Installation) -> None:
    propose(installation)
    with serving(installation) as server:
        until(lambda: installation.run("insights", "--json").json["gates"][0]["approved"]["count"] == 1)
        before = installation.run("insights", "--json").json
        anew = installation.run("insights", "--rebuild")
        assert anew.code == 0, anew.output
        assert "ount" in anew.output
        after = installation.run("insights", "--json").json
        assert server.stop() == 0
    assert before["gates"] == after["gates"]


PURPOSES: Final = {
    OversightPurpose.CHANGE_STAGE: (propose, "approve", is_relaxed),
    OversightPurpose.LATER_REVIEW: (pass_unreviewed, "reject", is_tightened),
    OversightPurpose.CHANGE_GATE: (recommend, "approve", is_changed),
}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_what_follows_from_an_answer_happens_with_it_and_once(
    installation: Installation, purpose: OversightPurpose
) -> None:
    ask, verdict, outcome = PURPOSES[purpose]
    request = ask(installation)
    reason = "Paid twice." if verdict == "reject" else None
    for delay in DELAYS:
        with serving(installation) as server:
            answer_and_kill(installation, server, (request, verdict, reason), delay)
        is_answered = not count(installation, "request", f"id = '{request}' AND state = 'pending'")
        assert outcome(installation) == [int(is_answered)] * len(outcome(installation)), (delay, is_answered)
    with serving(installation) as server:
        if count(installation, "request", f"id = '{request}' AND state = 'pending'"):
            decide(installation, request, verdict, reason)
        until(lambda: row(installation, "SELECT 1 FROM oversight_request WHERE ended_at IS NOT NULL"))
        assert server.stop() == 0
    assert outcome(installation) == [1] * len(outcome(installation))
    assert installation.run("audit", "verify").code == 0
