"""Counts with which insights recommend both changes of a gate."""

from __future__ import annotations

from sqlalchemy import text

from engine.oversight import time_buckets
from engine.store import workflows
from engine.store.port import Tx
from tests.support.engine_env import EngineEnv


async def recommend_changes(env: EngineEnv, name: str, step: str) -> None:
    """Write what the log would have made of 400 approvals, and of 120 decisions close to a reminder."""

    def write(tx: Tx) -> None:
        (workflow,) = workflows.load_named(tx.connection, "default", name)
        for table in ("insight_gate", "insight_reminder", "insight_evidence"):
            tx.connection.execute(text(f"DELETE FROM {table} WHERE workflow = '{workflow}'"))
        week = time_buckets.week(tx.now)
        keys = f"'default', {week}, '{workflow}', '{step}'"
        tx.connection.execute(text(f"INSERT INTO insight_gate VALUES ({keys}, 400, 400, 0, 0, 0, 0, 0, 0, 0, 0)"))
        tx.connection.execute(text(f"INSERT INTO insight_reminder VALUES ({keys}, 1, 300, 60, 60)"))
        current = workflows.load_workflow(tx.connection, "default", name)
        assert current is not None
        keys = f"'default', '{workflow}', {current.version}, '{step}'"
        tx.connection.execute(text(f"INSERT INTO insight_evidence VALUES ({keys}, 400, 0, 60, 60)"))

    await env.store.transact(write)
