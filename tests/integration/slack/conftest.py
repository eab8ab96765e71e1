"""Fixtures: a bot on a local Slack, once for each transport by which Slack delivers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.slack_env import SlackEnv, open_slack


@pytest.fixture(params=["http", "sockets"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def env(tmp_path: Path, empty_database: bytes, transport: str) -> AsyncIterator[SlackEnv]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    async with open_slack(path, transport) as env:
        yield env
