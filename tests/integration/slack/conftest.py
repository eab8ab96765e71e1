"""A stage, over each of the two ways in which Slack delivers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.slack_env import SlackEnv, open_slack


@pytest.fixture(params=["http", "sockets"])
def over(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
async def on(tmp_path: Path, blank: bytes, over: str) -> AsyncIterator[SlackEnv]:
    path = tmp_path / "signoff.db"
    path.write_bytes(blank)
    path.chmod(0o600)
    async with open_slack(path, over) as here:
        yield here
