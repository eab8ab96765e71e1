"""Fixtures: the API, with an engine of its own, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api_env import ApiEnv, open_api
from tests.support.databases import OpenStore


@pytest.fixture
async def api(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[ApiEnv]:
    async with open_api(tmp_path / "signoff.db", open_store=open_database) as api:
        yield api
