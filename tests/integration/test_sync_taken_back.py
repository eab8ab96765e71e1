"""A sync that changes nothing leaves nothing behind, also not what was compiled on the way. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from engine.domain.sync_commands import Synced, SyncWorkflows
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine

CALLED: Final = """\
name: called
steps:
  - {id: pay, uses: set, with: {amount: AMOUNT}}
"""
CALLING: Final = """\
name: calling
steps:
  - {id: call, uses: run, with: {workflow: called}}
  - {id: pay, uses: set, with: {amount: AMOUNT}}
"""
OF_LEE: Final = CALLED.replace("called", "of-lee")


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def sync(env: EngineEnv, amount: int, *texts: str, applies: bool) -> Synced:
    files = tuple(text.replace("AMOUNT", str(amount)).encode() for text in texts)
    return await env.engine.sync(
        SyncWorkflows(sources=files, applies=applies, disables_missing=False, actor=SAM, origin=TERMINAL)
    )


async def paid(env: EngineEnv, workflow: str) -> list[object]:
    """Return what a new run of a workflow pays, and the runs that it starts."""
    run = await env.start(workflow)
    await env.settle()
    started = [child for (child,) in await env.rows(f"SELECT id FROM run WHERE parent = '{run}'")]
    views = [await env.view(one) for one in (run, *started)]
    return [step.output["amount"] for view in views for step in view.steps if step.output and "amount" in step.output]


@pytest.mark.parametrize(
    ("files", "applies"),
    [((CALLED, CALLING), False), ((CALLED, CALLING, OF_LEE), True)],
    ids=["trial", "refused"],
)
async def test_the_next_version_runs_its_own_file_and_not_what_was_tried(
    env: EngineEnv, files: tuple[str, ...], applies: bool
) -> None:
    await env.register(CALLED.replace("AMOUNT", "1"))
    await env.register(CALLING.replace("AMOUNT", "1"))
    await env.register(OF_LEE.replace("AMOUNT", "1"), by=LEE)
    tried = await sync(env, 666, *files, applies=applies)
    assert bool(tried.refused) is applies
    assert await paid(env, "calling") == [1, 1]
    await env.register(CALLED.replace("AMOUNT", "2"))
    await env.register(CALLING.replace("AMOUNT", "2"))
    assert await paid(env, "called") == [2]
    assert await paid(env, "calling") == [2, 2]


async def test_syncs_at_once_leave_the_files_of_one(env: EngineEnv) -> None:
    await sync(env, 1, CALLED, CALLING, applies=True)
    amounts = range(2, 8)
    orders = ((CALLED, CALLING), (CALLING, CALLED))
    done = await asyncio.gather(*(sync(env, amount, *orders[amount % 2], applies=True) for amount in amounts))
    assert all(not one.refused for one in done), done
    called, calling = await paid(env, "calling")
    assert called == calling
    assert called in amounts
    kept = {name: [view.source for view in await env.engine.versions(name)] for name in ("called", "calling")}
    written = {name: [source.decode().partition("amount: ")[2] for source in sources] for name, sources in kept.items()}
    assert written["called"] == written["calling"], "each sync registers all of its files, or none"


async def test_registrations_at_once_are_versions_one_after_the_other(env: EngineEnv) -> None:
    await asyncio.gather(*(env.register(CALLED.replace("AMOUNT", str(amount))) for amount in range(12)))
    versions = await env.engine.versions("called")
    assert [view.version for view in versions] == [*range(12, 0, -1)]
    assert len({view.hash for view in versions}) == 12
