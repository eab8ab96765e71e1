"""What people last looked at is remembered, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import Address
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine

ADA, BEN = Address("slack", "U1"), Address("slack", "U2")


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def test_the_last_view_of_each_person_replaces_the_one_before(env: EngineEnv) -> None:
    assert await env.engine.last_view(ADA) is None
    for shown in ("first", "second"):
        await env.engine.save_last_view(ADA, shown)
    await env.engine.save_last_view(BEN, "other")
    assert await env.engine.last_view(ADA) == "second"
    assert await env.engine.last_view(BEN) == "other"
