"""Fixtures of the tests of the clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ask_server import KEY, AskServer, open_ask_server


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch) -> Iterator[AskServer]:
    """Run a server of asks, which the environment names."""
    with open_ask_server() as server:
        monkeypatch.setenv("SIGNOFF_URL", server.url)
        monkeypatch.setenv("SIGNOFF_API_KEY", KEY)
        yield server
