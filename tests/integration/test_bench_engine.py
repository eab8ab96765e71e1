"""The engine's bench, small: every figure is there, and the floor writes what the engine writes."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.devtools.bench import engine as bench
from engine import verify_audit
from engine.store import audit_log, schema
from tests.support.documents import Page


async def test_a_small_measurement_gives_every_figure(tmp_path: Path) -> None:
    size = bench.Size(lifecycles=128, alone=20, rounds=2, pending=300, idle_seconds=0.5, growth=5)
    found, _ = await bench.run(size, lambda _: None, folder=tmp_path)
    figures = {one.name: one.value for one in found}
    assert set(figures) == {f"engine.{name}" for name in bench.WHAT}
    (told,) = [json.loads(one.text) for one in Page.of("commands.md").blocks if one.section == "signoff bench engine"]
    assert list(told["engine"]) == list(bench.WHAT)
    assert figures["engine.commits_per_lifecycle_1"] <= 3
    assert figures["engine.commits_per_lifecycle_64"] < 1
    assert os.listdir(tmp_path) == []


async def test_the_floor_writes_rows_like_the_engines_and_a_log_that_verifies(tmp_path: Path) -> None:
    path = tmp_path / "floor.db"
    replay = await bench.recorded(tmp_path / "recorded.db")
    floor = bench.floor_at(path, tmp_path / "recorded.db", replay)
    floor.grouped(128)
    floor.commits(2)
    floor.fill(3)
    floor.close()
    with closing(sqlite3.connect(path)) as connection:
        statuses = connection.execute("SELECT status, count(*) FROM run GROUP BY status ORDER BY status").fetchall()
        assert statuses == [("succeeded", 132), ("waiting", 3)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with schema.reading(path) as connection:
        assert verify_audit.verify(audit_log.export(connection, "default")).findings == ()
