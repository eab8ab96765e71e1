"""A small bench of the engine: every figure is reported, and the floor writes the rows of the engine."""

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
    size = bench.EngineBenchSize(
        lifecycles=128,
        single_client=20,
        rounds=2,
        pending=300,
        idle_seconds=0.5,
        pending_decisions=5,
        schedules=40,
        ticks=20,
        items=30,
    )
    measured, _ = await bench.run(size, lambda _: None, folder=tmp_path)
    figures = {figure.name: figure.value for figure in measured}
    assert set(figures) == {f"engine.{name}" for name in bench.FIGURES}
    blocks = [block for block in Page.of("commands.md").blocks if block.section == "signoff bench engine"]
    (documented,) = [json.loads(block.text) for block in blocks]
    assert list(documented["engine"]) == list(bench.FIGURES)
    assert figures["engine.commits_per_lifecycle_1"] <= 3
    assert figures["engine.commits_per_lifecycle_64"] < 1
    assert os.listdir(tmp_path) == []


async def test_the_floor_writes_rows_like_the_engines_and_a_log_that_verifies(tmp_path: Path) -> None:
    path = tmp_path / "floor.db"
    replay = await bench.record_lifecycle(tmp_path / "recorded.db")
    floor = bench.copy_floor(path, tmp_path / "recorded.db", replay)
    floor.lifecycles_per_second(128)
    floor.commit_seconds(2)
    floor.fill(3)
    floor.close()
    with closing(sqlite3.connect(path)) as connection:
        statuses = connection.execute("SELECT status, count(*) FROM run GROUP BY status ORDER BY status").fetchall()
        assert statuses == [("succeeded", 132), ("waiting", 3)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with schema.reading(path) as connection:
        assert verify_audit.verify(audit_log.export(connection, "default")).findings == ()
