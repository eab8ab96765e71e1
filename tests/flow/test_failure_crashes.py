"""The server is killed between the answer to a failure and the call that it leads to: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.local import client
from engine.json_values import Value
from tests.support.http_service import PATIENCE, HttpService, open_http_service
from tests.support.processes import OPERATOR, Installation, create_installation, serving

SOURCE = f"""\
name: refund
owner: {OPERATOR}
steps:
  - id: pay
    uses: http
    idempotent: IDEMPOTENT
    with: {{method: POST, url: "URL/pay", json: {{text: Pay 120 EUR}}}}
    on_error: ask
"""


@pytest.fixture
def http_service() -> Iterator[HttpService]:
    with open_http_service() as service:
        yield service


@pytest.fixture
def installation(tmp_path: Path, http_service: HttpService) -> Installation:
    return create_installation(tmp_path)


def row(installation: Installation, query: str) -> sqlite3.Row | None:
    """Query the database without the code of the product."""
    with closing(sqlite3.connect(f"file:{installation.database}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        found: sqlite3.Row | None = connection.execute(query).fetchone()
        return found


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def failed_run(installation: Installation, http_service: HttpService, *, idempotent: str) -> str:
    """Start a run whose first call fails, and return the id of the request about it."""
    http_service.status = 422
    source = SOURCE.replace("URL", http_service.url).replace("IDEMPOTENT", idempotent)
    registered = installation.run("register", installation.write("refund.yaml", source))
    assert registered.code == 0, registered.output
    started = installation.run("run", "refund")
    assert started.code == 0, started.output
    http_service.status = 200
    pending = row(installation, "SELECT id FROM request WHERE state = 'pending' AND at = 'failed'")
    assert pending is not None
    return str(pending["id"])


def answer(installation: Installation, request: str, edits: dict[str, Value]) -> None:
    arguments: dict[str, Value] = {"request": request, "verdict": "retry", "edits": edits, "confirmed": True}
    reply = asyncio.run(client.ask(installation.database, "decide", arguments))
    assert reply is not None
    assert reply.refused is None, reply


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.02])
@pytest.mark.parametrize("edited", [False, True], ids=["unchanged", "changed"])
def test_an_acknowledged_answer_is_carried_out_after_a_kill(
    installation: Installation, http_service: HttpService, edited: bool, delay: float
) -> None:
    request = failed_run(installation, http_service, idempotent="true")
    with serving(installation) as server:
        answer(installation, request, {"json": '{"text": "Pay 99 EUR"}'} if edited else {})
        time.sleep(delay)
        server.kill()
    with serving(installation):
        until(lambda: row(installation, "SELECT 1 FROM run WHERE status = 'succeeded'"))
    first, *later = http_service.posts
    assert first.body == {"text": "Pay 120 EUR"}
    assert {post.body["text"] for post in later} == {"Pay 99 EUR" if edited else "Pay 120 EUR"}
    assert {post.key for post in later} == {first.key.replace(":1", ":2") if edited else first.key}
    opened = row(installation, "SELECT count(*) AS number FROM request")
    assert opened is not None
    assert opened["number"] == 1, "the failure was asked about once"
    assert installation.run("audit", "verify").code == 0


@pytest.mark.parametrize(("idempotent", "status"), [("true", "succeeded"), ("false", "needs_attention")])
def test_a_kill_while_it_is_tried_again_asks_only_where_it_may_not_be_repeated(
    installation: Installation, http_service: HttpService, idempotent: str, status: str
) -> None:
    request = failed_run(installation, http_service, idempotent=idempotent)
    http_service.may_answer.clear()
    with serving(installation) as server:
        answer(installation, request, {})
        http_service.wait_for(2)
        server.kill()
    http_service.may_answer.set()
    with serving(installation):
        until(lambda: row(installation, f"SELECT 1 FROM run WHERE status = '{status}'"))
    assert len({post.key for post in http_service.posts}) == 1
    assert len(http_service.posts) == (3 if idempotent == "true" else 2)
    entries = row(installation, "SELECT group_concat(leaf) AS leaves FROM audit")
    assert entries is not None
    assert json.dumps("request.approved") in entries["leaves"]
