"""Servers that are killed in the middle of a foreach: no item is lost, and none is done under two keys."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from tests.support.http_service import PATIENCE, open_http_service
from tests.support.processes import OPERATOR, Installation, Server, create_installation, serving

ITEMS, KILLS = 600, 6
FILE = """\
name: letters
owner: OPERATOR
inputs: {names: json}
steps:
  - id: each
    uses: foreach
    with: {over: "{{ inputs.names }}", parallel: 8}
    gate: {approvers: [OPERATOR], exclude: []}
    steps:
      - id: send
        uses: http
        idempotent: true
        with: {method: POST, url: "URL/pay", json: {token: "{{ item }}"}}
"""


def execute(installation: Installation, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(installation.database, timeout=10)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def killed_after(installation: Installation, seconds: float) -> None:
    server = Server(installation)
    try:
        server.wait_until_ready()
        time.sleep(seconds)
    finally:
        server.kill()


def wait_for(installation: Installation, statement: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while execute(installation, statement) == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_is_killed_again_and_again_does_each_item_once(tmp_path: Path) -> None:
    dice = random.Random(18)
    with open_http_service() as service:
        installation = create_installation(tmp_path)
        text = FILE.replace("OPERATOR", OPERATOR).replace("URL", service.url)
        assert installation.run("register", installation.write("letters.yaml", text)).code == 0
        names = json.dumps([f"n{number}" for number in range(ITEMS)])
        assert installation.run("run", "letters", "-i", f"names={names}").code == 0
        # While the list is written down, and while people are asked.
        killed_after(installation, 0.05)
        with serving(installation):
            wait_for(installation, "SELECT count(*) FROM request")
            ((request,),) = execute(installation, "SELECT id FROM request")
            assert installation.run("decide", str(request), "approve").code == 0
        for _ in range(KILLS):
            killed_after(installation, dice.uniform(0.05, 0.4))
        with serving(installation) as server:
            wait_for(installation, "SELECT count(*) FROM run WHERE parent IS NULL AND ended_at IS NOT NULL")
            assert server.stop() == 0
        keys = defaultdict[str, set[str]](set)
        for post in service.posts:
            keys[post.body["token"]].add(post.key)
    assert execute(installation, "SELECT status, count(*) FROM item GROUP BY status") == [("succeeded", ITEMS)]
    assert set(keys) == {f"n{number}" for number in range(ITEMS)}
    assert {len(of_item) for of_item in keys.values()} == {1}
    assert execute(installation, "SELECT count(*) FROM run WHERE status != 'succeeded'") == [(0,)]
    assert installation.run("audit", "verify").code == 0
