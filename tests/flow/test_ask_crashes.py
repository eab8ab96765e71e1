"""A program is killed with its engine between ask, consumption, act and report: it acts once on each ask."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final

from engine import verify_audit
from engine.domain import DEFAULT_WORKSPACE
from engine.store import audit_log
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.processes import start_module

COUNT: Final = 20
ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 120


def run_worker(folder: Path, kill_after: int | None) -> list[str]:
    """Run the program until it is done, or kill it after so many lines. Return what it had acknowledged."""
    arguments = [str(folder / "signoff.db"), str(folder / "journal"), str(COUNT)]
    worker = start_module("tests.support.ask_worker", arguments, folder=ROOT)
    assert worker.stdout is not None
    lines: list[str] = []
    for line in worker.stdout:
        lines.append(line.strip())
        if kill_after is not None and len(lines) >= kill_after:
            # The next answer may be under way.
            time.sleep(random.choice([0.0, 0.0005, 0.002, 0.005]))
            worker.kill()
            kill_after = None
    worker.communicate(timeout=PATIENCE)
    return lines


async def check_log(env: EngineEnv) -> None:
    log = verify_audit.Log()
    lines = await env.store.read(lambda connection: [*audit_log.export(connection, DEFAULT_WORKSPACE)])
    assert [finding for line in lines for finding in log.read(line)] == []


async def test_a_killed_program_goes_on_and_acts_once_for_each_ask(tmp_path: Path) -> None:
    dice = random.Random(1)
    acknowledged: list[str] = []
    for _ in range(5):
        acknowledged += run_worker(tmp_path, dice.randint(1, 25))
    acknowledged += run_worker(tmp_path, None)
    assert acknowledged[-1] == "done"

    told = {line for line in acknowledged if line.startswith(("asked", "consumed"))}
    assert len({line for line in told if line.startswith("asked")}) == COUNT, "a repeat got another ask"
    assert len({line for line in told if line.startswith("consumed")}) == COUNT, "a repeat got another consumption"
    assert sorted(map(int, (tmp_path / "journal").read_text().split())) == [*range(COUNT)]
    async with open_engine(tmp_path / "signoff.db") as env:
        asks = await env.rows("SELECT status, consumed_at IS NOT NULL, outcome FROM ask")
        assert asks == [("approved", 1, "succeeded")] * COUNT
        assert await env.rows("SELECT count(*) FROM run WHERE status = 'succeeded'") == [(COUNT,)]
        kinds = await env.rows("SELECT count(*) FROM audit WHERE leaf LIKE '%\"ask.consumed\"%'")
        assert kinds == [(COUNT,)]
        await check_log(env)
