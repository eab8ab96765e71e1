"""Fixtures of the tests of the commands and of the server. A module adds the files that its installation needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgres_server
from tests.support.cli import Commands, commands
from tests.support.http_service import HttpService, open_http_service
from tests.support.processes import Installation, create_installation


@pytest.fixture
def installation(tmp_path: Path, empty_database: bytes) -> Installation:
    """Return an installation with an empty database."""
    new_installation = create_installation(tmp_path)
    new_installation.database.write_bytes(empty_database)
    new_installation.database.chmod(0o600)
    return new_installation


@pytest.fixture
def signoff(
    installation: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """Yield the command `signoff` in that installation."""
    yield from commands(installation, capsys, monkeypatch)


@pytest.fixture
def http_service() -> Iterator[HttpService]:
    """Run a service that workflows call, and that records the calls."""
    with open_http_service() as service:
        yield service


@pytest.fixture(params=["sqlite", "postgresql"])
def server_database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Yield the settings of a database."""
    if request.param == "sqlite":
        yield {}
        return
    with postgres_server.database(request.getfixturevalue("postgres_url")) as url:
        yield {"SIGNOFF_DATABASE_URL": url, "SIGNOFF_KEY": "ab" * 32}
