"""The server is killed or down around a hold: the effect never starts early, never twice, and never after an undo."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.local import client
from engine.json_values import Value
from tests.flow.test_failure_crashes import row, until
from tests.support.http_service import HttpService, open_http_service
from tests.support.processes import OPERATOR, Installation, create_installation, serving

HOLD = 10.0
SOURCE = f"""\
name: refund
owner: {OPERATOR}
steps:
  - id: pay
    uses: http
    idempotent: true
    with: {{method: POST, url: "URL/pay", json: {{text: Pay 120 EUR}}}}
    gate: {{exclude: [], hold: 10s}}
"""


@pytest.fixture
def http_service() -> Iterator[HttpService]:
    with open_http_service() as service:
        yield service


@pytest.fixture
def installation(tmp_path: Path, http_service: HttpService) -> Installation:
    installation = create_installation(tmp_path)
    source = SOURCE.replace("URL", http_service.url)
    for arguments in ("register", installation.write("refund.yaml", source)), ("run", "refund"):
        finished = installation.run(*arguments)
        assert finished.code == 0, finished.output
    return installation


def tell(installation: Installation, command: str, **more: Value) -> str:
    """Send a command to the server about the latest request, and return its id."""
    latest = row(installation, "SELECT id FROM request ORDER BY id DESC")
    assert latest is not None
    reply = asyncio.run(client.ask(installation.database, command, {"request": latest["id"], **more}))
    assert reply is not None
    assert reply.refused is None, reply
    return str(latest["id"])


def approve(installation: Installation) -> float:
    """Approve, and return a moment before which the hold cannot end."""
    began = time.monotonic()
    tell(installation, "decide", verdict="approve", edits={}, confirmed=True)
    return began + HOLD


def test_a_server_that_was_down_through_the_hold_starts_the_effect_once(
    installation: Installation, http_service: HttpService
) -> None:
    with serving(installation) as server:
        ends = approve(installation)
        server.kill()
    with serving(installation) as server:
        time.sleep(1)
        assert http_service.posts == [], "the hold lasts"
        server.kill()
    time.sleep(max(0.0, ends - time.monotonic()) + 0.2)
    assert http_service.posts == []
    with serving(installation) as server:
        until(lambda: row(installation, "SELECT 1 FROM run WHERE status = 'succeeded'"))
        assert server.stop() == 0
    assert len({post.key for post in http_service.posts}) == 1
    assert installation.run("audit", "verify").code == 0


@pytest.mark.parametrize("delay", [0.0, 0.01])
def test_an_acknowledged_undo_is_kept_after_a_kill(
    installation: Installation, http_service: HttpService, delay: float
) -> None:
    with serving(installation) as server:
        ends = approve(installation)
        undone = tell(installation, "undo")
        time.sleep(delay)
        server.kill()
    with serving(installation):
        until(lambda: row(installation, "SELECT 1 FROM request WHERE state = 'pending'"))
        time.sleep(max(0.0, ends - time.monotonic()) + 1)
        assert http_service.posts == []
        approve(installation)
        http_service.wait_for(1)
    states = row(installation, f"SELECT state FROM request WHERE id = '{undone}'")
    assert states is not None
    assert states["state"] == "undone"
    assert len(http_service.posts) == 1
    assert installation.run("audit", "verify").code == 0
