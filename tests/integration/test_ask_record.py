"""What programs do is on the record: the log and the tables agree, and a change in only one of them is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from sqlalchemy import text

from engine.domain import DEFAULT_WORKSPACE
from engine.domain.asks import OutcomeStatus
from engine.store import reconciliation
from tests.integration.test_asks import FLOW, REFUND, ask, consume, granted, report
from tests.support.engine_env import EngineEnv, open_engine

FORGED: Final = {
    "UPDATE ask SET consumed_at = NULL": "was used 0 times by the tables, and 1 by its entries",
    "UPDATE ask SET digest = 'other'": "was used for another content than its entry says",
    "UPDATE ask SET outcome = 'succeeded'": "is succeeded in the tables, and failed by its entries",
}


@pytest_asyncio.fixture
async def env(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(FLOW)
        yield env


async def differences(env: EngineEnv) -> list[str]:
    return await env.store.read(lambda connection: [*reconciliation.compare(connection, DEFAULT_WORKSPACE)])


async def test_the_log_and_the_tables_agree_about_asks(env: EngineEnv) -> None:
    for status in OutcomeStatus:
        run = await granted(env)
        await consume(env, run)
        await report(env, run, status)
        await env.settle()
    await report(env, run)
    await ask(env)
    assert await differences(env) == []


@pytest.mark.parametrize("forged", FORGED)
async def test_what_is_written_without_the_log_is_found(env: EngineEnv, forged: str) -> None:
    run = await granted(env)
    await consume(env, run)
    await report(env, run, OutcomeStatus.FAILED)
    await env.settle()
    await env.store.transact(lambda tx: tx.connection.execute(text(forged)).close())
    (found,) = await differences(env)
    assert FORGED[forged] in found


async def test_the_record_says_who_tried_what_with_which_arguments(env: EngineEnv) -> None:
    run = await granted(env)
    await consume(env, run, arguments={**REFUND, "amount": 1_000})
    await consume(env, run)
    await report(env, run, note="Booked", result={"booking": "B-7"})
    entries = {entry.kind: entry for entry in await env.engine.story(run) if entry.kind.startswith("ask.")}
    refused, used, told = (entries[f"ask.{kind}"].content or {} for kind in ("refused", "consumed", "outcome"))
    assert {**refused, "place": None} == {
        "tried": "consume",
        "why": "arguments",
        "names": ["amount"],
        "asker": "api:key1",
        "surface": "api",
        "actor_name": "Support agent",
        "place": None,
    }
    assert used["digest"] == (await env.rows("SELECT digest FROM ask"))[0][0]
    assert (told["status"], told["note"], told["returned"]) == ("succeeded", "Booked", {"result": {"booking": "B-7"}})
