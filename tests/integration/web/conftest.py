"""The pages on a house of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.web_env import WebEnv, open_web


@pytest.fixture
def path(tmp_path: Path, empty_database: bytes) -> Path:
    made = tmp_path / "signoff.db"
    made.write_bytes(empty_database)
    made.chmod(0o600)
    return made


@pytest.fixture
async def here(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path) as made:
        yield made
