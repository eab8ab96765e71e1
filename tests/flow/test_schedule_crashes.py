"""Servers that are killed while schedules start runs: each missed time starts one run, and none starts two."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from engine.schedules import Every
from engine.system import SystemClock
from tests.support.http_service import PATIENCE
from tests.support.processes import Installation, Server, create_installation, serving

TRIGGERS, TIMES, KILLS = 20, 12, 6
STEP = timedelta(minutes=20)
FILE = f"""name: often
triggers:
{"".join("  - {schedule: every 20m, missed: all}" + chr(10) for _ in range(TRIGGERS))}
steps:
  - {{id: one, uses: set, with: {{n: 1}}}}
"""


def execute(installation: Installation, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(installation.database, timeout=10)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def test_servers_that_are_killed_start_each_missed_time_once(tmp_path: Path) -> None:
    dice, installation = random.Random(18), create_installation(tmp_path)
    finished = installation.run("register", installation.write("often.yaml", FILE))
    assert finished.code == 0, finished.output
    # As if no server had run for hours.
    schedule = Every(STEP)
    last = schedule.next_after(SystemClock().now()) - STEP
    first = last - (TIMES - 1) * STEP
    execute(installation, "UPDATE trigger SET next_at = ?1, look_at = ?1", first.strftime("%Y-%m-%d %H:%M:%S.%f"))
    for _ in range(KILLS):
        server = Server(installation)
        try:
            server.wait_until_ready()
            time.sleep(dice.uniform(0, 0.3))
        finally:
            server.kill()
    with serving(installation) as server:
        deadline = time.monotonic() + PATIENCE
        due = "SELECT count(*) FROM trigger WHERE next_at <= ?"
        open_runs = "SELECT count(*) FROM run WHERE ended_at IS NULL"
        now = last.strftime("%Y-%m-%d %H:%M:%S.%f")
        while execute(installation, due, now) != [(0,)] or execute(installation, open_runs) != [(0,)]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert server.stop() == 0

    started = Counter(str(row[0]) for row in execute(installation, "SELECT key FROM run"))
    triggers = [str(row[0]) for row in execute(installation, "SELECT id FROM trigger")]
    times = [(first + index * STEP).isoformat() for index in range(TIMES)]
    expected = {f"trigger:{trigger}:{at}" for trigger in triggers for at in times}
    assert len(expected) == TRIGGERS * TIMES
    assert expected <= set(started)
    assert set(started.values()) == {1}
    assert execute(installation, "SELECT count(*) FROM run WHERE status != 'succeeded'") == [(0,)]
    assert installation.run("audit", "verify").code == 0
