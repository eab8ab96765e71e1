"""Counts with which insights recommend both changes of a gate."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from engine.oversight import time_buckets
from engine.store import workflows
from engine.store.port import Tx
from tests.support.engine_env import EngineEnv


async def recommend_changes(env: EngineEnv, name: str, step: str) -> None:
    """Write what the log would have made of 400 approvals, and of 120 decisions close to a reminder."""

    def write(tx: Tx) -> None:
        current = workflows.load_workflow(tx.connection, "default", name)
        assert current is not None
        for statement in counts(current.id, current.version, step, tx.now):
            tx.connection.execute(text(statement))

    await env.store.transact(write)


def counts(workflow: str, version: int, step: str, now: datetime) -> tuple[str, ...]:
    """Return the statements that write these counts in the place of others. `workflow`: its id."""
    keys = f"'default', {time_buckets.week(now)}, '{workflow}', '{step}'"
    evidence = f"'default', '{workflow}', {version}, '{step}'"
    tables = ("insight_gate", "insight_reminder", "insight_evidence")
    return (
        *(f"DELETE FROM {table} WHERE workflow = '{workflow}'" for table in tables),
        f"INSERT INTO insight_gate VALUES ({keys}, 400, 400, 0, 0, 0, 0, 0, 0, 0, 0)",
        f"INSERT INTO insight_reminder VALUES ({keys}, 1, 300, 60, 60)",
        f"INSERT INTO insight_evidence VALUES ({evidence}, 400, 0, 60, 60)",
    )
