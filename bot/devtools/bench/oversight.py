"""`signoff bench oversight`: what a sampling plan adds to a run, insights of many requests, and the speed of a replay.

For the replay, one decided request is recorded by the engine; the rows of the others are made after it. All of them are
replayed with a gate that always opens, with one whose condition reads an input, and with one whose condition reads what
an earlier step returned, in turn.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bot.devtools.bench import insights_fill, plan_load
from bot.devtools.bench.engine_load import WORKFLOW, open_engine
from bot.devtools.bench.figures import Figure, Machine, Target, percentile
from bot.devtools.bench.inbox_fill import record
from engine import timestamps, workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.insights import InsightQuery
from engine.replay import GateReplay, ReplayReport
from engine.steps.set import SetStep
from engine.store import recorded_visits, schema, workflows
from engine.system import RandomIds, SystemClock

_CHUNK: Final = 10_000
_COPIED: Final = ("run", "step_run", "request", "decision")
"""The tables of which each request gets rows of its own."""
_GATE: Final = b"    gate:\n"
_CONDITIONS: Final[Mapping[str, str]] = {
    "always": "",
    "input": "{{ inputs.order | replace('A-', '') | number > 500 }}",
    "step": "{{ steps.prepare.order != 'A-7' }}",
}
"""What the gate of each kind asks, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OversightBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    requests: int = 100_000
    rounds: int = 3
    lifecycles: int = 3_000
    """Runs with each kind of gate, in all rounds together."""
    lifecycle_rounds: int = 15
    counted: int = 500_000
    """Requests that insights count."""
    reads: int = 200
    """How often insights are read."""


FIGURES: Final[Mapping[str, tuple[str, Target | None]]] = {
    "lifecycle_cpu_ms": ("CPU of a run from start to end without a sampling plan", None),
    "counted_over_without": ("the same with a plan while everything is reviewed, over it", Target(1.05, reached=True)),
    "drawn_over_without": ("the same where it is drawn for review, over it", Target(1.05, reached=True)),
    "passed_over_without": ("a run that goes through unreviewed, over it", None),
    "passed_over_ungated": ("the same over a run without the gate", None),
    "insights_p50_ms": ("insights of all workflows over 500,000 requests (p50)", None),
    "insights_p99_ms": ("the same (p99)", Target(300)),
    "replay_always_per_s": ("requests replayed a second with a gate that always opens, fastest round", None),
    "replay_input_per_s": ("the same with a condition that reads an input", Target(20_000, least=True)),
    "replay_step_per_s": ("the same with a condition that reads what an earlier step returned", None),
    "replay_input_cpu_us": ("CPU for a request with a condition that reads an input, in microseconds", None),
}
"""Each figure in the order of the report, with its meaning and its target."""


async def run(
    size: OversightBenchSize, report_progress: Callable[[str], None], *, folder: Path | None = None
) -> tuple[list[Figure], Machine]:
    """Measure all figures, and describe the machine."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as temporary:
        work_folder = Path(temporary)
        machine = Machine.detect(work_folder)
        report_progress(f"{size.requests:,} recorded requests …")
        path = work_folder / "signoff.db"
        await record(path)
        copy_rows(path, size.requests)
        report_progress("Replaying them …")
        values = _measure_replay(path, size)
        report_progress(f"{size.lifecycles:,} runs with each kind of gate …")
        values |= await plan_load.measure(work_folder, lifecycles=size.lifecycles, rounds=size.lifecycle_rounds)
        report_progress(f"Insights over {size.counted:,} requests …")
        values |= await _measure_insights(work_folder / "insights.db", size)
    figures = [
        Figure(name=f"oversight.{name}", value=values[name], meaning=meaning, target=target)
        for name, (meaning, target) in FIGURES.items()
    ]
    return figures, machine


def copy_rows(path: Path, requests: int) -> None:
    """Write the rows of as many requests as are wanted, each a run of its own, some minutes apart."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = OFF")
        templates = {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in _COPIED}  # noqa: S608
        for first in range(1, requests, _CHUNK):
            rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COPIED}
            for number in range(first, min(first + _CHUNK, requests)):
                _add_copy(rows, templates, number)
            for name in _COPIED:
                _insert(connection, name, rows[name])
        connection.commit()


def _add_copy(
    rows: dict[str, list[dict[str, Any]]], templates: Mapping[str, Sequence[dict[str, Any]]], number: int
) -> None:
    ids, at = RandomIds(), SystemClock().now() - timedelta(minutes=5 * number)
    run, request = ids.new(at), ids.new(at)
    (old,) = templates["run"]
    started = timestamps.exact(at)[:-1].replace("T", " ")
    inputs = old["inputs"].replace("A-1001", f"A-{number % 1000}")
    rows["run"].append({**old, "id": run, "key": None, "inputs": inputs, "started_at": started})
    rows["step_run"] += [{**row, "run": run} for row in templates["step_run"]]
    rows["request"] += [{**row, "id": request, "run": run} for row in templates["request"]]
    rows["decision"] += [{**row, "id": ids.new(at), "request": request} for row in templates["decision"]]


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    names = [*rows[0]]
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 our names
    connection.executemany(insert, [[row[name] for name in names] for row in rows])


def _measure_replay(path: Path, size: OversightBenchSize) -> dict[str, float]:
    """Replay all requests with each gate in turn, so that other load on the machine affects all."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in _CONDITIONS}
    for _ in range(size.rounds):
        for name, condition in _CONDITIONS.items():
            wall, cpu = time.perf_counter(), time.process_time()
            report = _replay(path, condition, size.requests)
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            assert report.visits == report.opened == size.requests
            assert not report.unknown
    fastest = {name: min(wall for wall, _ in times) for name, times in taken.items()}
    return {
        **{f"replay_{name}_per_s": size.requests / seconds for name, seconds in fastest.items()},
        "replay_input_cpu_us": min(cpu for _, cpu in taken["input"]) / size.requests * 1e6,
    }


async def _measure_insights(path: Path, size: OversightBenchSize) -> dict[str, float]:
    await insights_fill.fill(path, size.counted)
    taken, now = [], SystemClock().now()
    with open_engine(path) as env:
        for _ in range(size.reads):
            began = time.perf_counter()
            await env.engine.insights(InsightQuery(), now)
            taken.append((time.perf_counter() - began) * 1000)
    return {"insights_p50_ms": percentile(taken, 0.5), "insights_p99_ms": percentile(taken, 0.99)}


def _replay(path: Path, condition: str, requests: int) -> ReplayReport:
    gate = _GATE + f'      when: "{condition}"\n'.encode() if condition else _GATE
    replay = GateReplay(workflowfile.load(WORKFLOW.replace(_GATE, gate), kinds={"set": SetStep()}))
    with schema.reading(path) as connection:
        (workflow,) = workflows.load_named(connection, DEFAULT_WORKSPACE, "bench")
        return replay.report(recorded_visits.newest(connection, workflow, replay, requests))
