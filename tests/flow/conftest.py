"""What the tests of the commands and of the server share; a module that needs files in its installation adds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Commands, commands
from tests.support.http_service import HttpService, open_http_service
from tests.support.processes import Installation, create_installation


@pytest.fixture
def installation(tmp_path: Path, empty_database: bytes) -> Installation:
    """An installation with an empty database."""
    here = create_installation(tmp_path)
    here.database.write_bytes(empty_database)
    here.database.chmod(0o600)
    return here


@pytest.fixture
def signoff(
    installation: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """The command `signoff` in that installation."""
    yield from commands(installation, capsys, monkeypatch)


@pytest.fixture
def http_service() -> Iterator[HttpService]:
    """A service that workflows call, which counts the calls."""
    with open_http_service() as counting:
        yield counting
