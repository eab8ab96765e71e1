"""A small bench of PostgreSQL: every figure is reported, and the floor writes the rows of the engine."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from bot.devtools.bench import postgres as bench
from bot.devtools.bench import postgres_floor, postgres_growth, report
from bot.devtools.bench.engine_load import APPROVER
from bot.devtools.bench.floor import TABLES
from bot.devtools.bench.langgraph import REQUIREMENTS
from bot.devtools.bench.postgres_load import open_engine
from engine import verify_audit
from engine.domain import DeliveryState, RunStatus
from engine.read_models import PageQuery
from engine.store import audit_log, log_followers
from engine.system import SystemClock
from tests.support.documents import Page

SMALL = bench.PostgresBenchSize(
    rounds=1,
    lifecycles=64,
    processes=1,
    single_client=10,
    pending=80,
    pending_rounds=3,
    idle_seconds=0.2,
    settle_seconds=0.1,
)
STATES = ("status", "state", "rev", "wakes", "cursor", "attempt", "pending", "verdict", "kind", "wanted_version")
OF_LANGGRAPH = {name for name in bench.FIGURES if "langgraph" in name}


async def test_a_small_measurement_gives_every_figure(postgres_url: str, tmp_path: Path) -> None:
    measured, machine = await bench.run(SMALL, lambda _: None, server=postgres_url, folder=tmp_path)
    printed = json.loads(report.as_json(measured, machine))
    (documented,) = [
        json.loads(block.text)
        for block in Page.of("commands.md").blocks
        if block.section == "signoff bench pg" and block.text.startswith("{")
    ]
    assert [*documented["pg"]] == [*bench.FIGURES, "server", "idle_queries_are"]
    assert set(printed["pg"]) == set(documented["pg"]) - OF_LANGGRAPH
    assert printed["pg"]["server"].startswith("PostgreSQL ")
    assert printed["pg"]["pending_jobs"] == 0
    assert set(printed["targets"]) == {name for name in documented["targets"] if "langgraph" not in name}
    assert os.listdir(tmp_path) == []


async def test_the_floor_writes_the_rows_that_the_engine_writes(postgres_database: str) -> None:
    replay = await postgres_floor.record_lifecycle(postgres_database)
    async with postgres_floor.open_floor(postgres_database, replay) as floor:
        before = await kinds_of_rows(postgres_database)
        async with open_engine(postgres_database) as env:
            run = await env.start()
            await env.decide(run)
            await env.advance(run)
        by_engine = await kinds_of_rows(postgres_database) - before
        await floor.lifecycles_per_second(20)
        await floor.commit_seconds(3)
    by_floor = await kinds_of_rows(postgres_database) - before - by_engine
    assert {table for table, *_ in by_engine} == set(TABLES)
    assert by_floor == Counter({kind: count * 23 for kind, count in by_engine.items()})
    async with open_engine(postgres_database) as env:
        log = await env.store.read(lambda connection: [*audit_log.export(connection, "default")])
    assert verify_audit.verify(iter(log)).findings == ()


async def kinds_of_rows(url: str) -> Counter[tuple[object, ...]]:
    """Return how many rows there are of each kind: with the same states, and values in the same columns."""
    kinds: Counter[tuple[object, ...]] = Counter()
    async with postgres_floor.connected(url, 1) as (driver,):
        for table, rows in await postgres_floor.read_tables(driver):
            for row in rows.values():
                values = dict(zip(table.columns, row, strict=True))
                filled = frozenset(name for name, value in values.items() if value is not None)
                kinds[table.name, filled, *(values.get(name) for name in STATES)] += 1
    return kinds


async def test_requests_of_a_filled_database_wait_for_a_decision_and_can_be_decided(postgres_database: str) -> None:
    await postgres_growth.fill(postgres_database, 30)
    async with open_engine(postgres_database) as env:
        person = await env.engine.person(APPROVER)
        assert person is not None
        waiting = await env.engine.requests(PageQuery(open_only=True), person=person.id)
        assert len(waiting) == 30
        assert [
            work for work in await env.engine.due(SystemClock().now()) if not log_followers.is_following(work)
        ] == []
        for view in waiting[::10]:
            assert view.model.deadlines.expires_at is not None
            assert [copy.state for copy in await env.engine.deliveries(request=view.id)] == [DeliveryState.SHOWN] * 2
            await env.decide_request(view.id, view.model.digest)
            await env.advance(view.run)
            ended = await env.engine.run(view.run)
            assert ended is not None
            assert ended.status is RunStatus.SUCCEEDED


def test_the_page_about_langgraph_names_the_installed_versions() -> None:
    page = Page.of("benchmark-langgraph.md").text
    wanted = [line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line]
    assert wanted
    assert [line for line in wanted if line not in page] == []
