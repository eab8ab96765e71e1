"""The variations of tests that `make test` leaves out, because another run of the same test proves nearly the same.

`SIGNOFF_TEST_QUICK` chooses this; `make test-thorough` and a plain `pytest` leave nothing out.

- A test with parameters runs on SQLite with all of them, and on PostgreSQL with the first: the same statements reach
  the server. Where all statements of a test are sent by others too, it does not run on PostgreSQL (`statements`).
  Tests of the store itself (`open_store`), of migrations and of processes keep all.
- A test with parameters calls `signoff mcp` over HTTP with all of them, and over standard streams with the first: the
  library reads the same messages from both, and each process that speaks over its streams has to import all of it.
- Slack delivers over HTTP or over sockets, and both hand a delivery to the same `Admission`. Each test takes one
  transport, which its name chooses.

What has the mark `each_variation` keeps all: modules about how deliveries come, decisions in Slack, and tests about
what a database can store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import pytest

from tests.support import statements

QUICK: Final = bool(os.environ.get("SIGNOFF_TEST_QUICK"))
TRANSPORTS: Final = ("http", "sockets")
_ONCE: Final = (("open_database", "postgresql"), ("server_database", "postgresql"), ("over", "stdio"))
"""Fixtures, and that parameter of theirs that a test takes once, whatever its further parameters are about."""


def left_out(items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the tests that are variations of others."""
    on_sqlite = [] if statements.LOGS else statements.ON_SQLITE.read_text(encoding="utf-8").split()
    seen = {(test, "postgresql") for test in on_sqlite}
    for item in items:
        if item.get_closest_marker("each_variation") is not None:
            continue
        parameters: Mapping[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
        test, _, _ = item.nodeid.partition("[")
        once = next((value for name, value in _ONCE if parameters.get(name) == value), None)
        if once is not None:
            if (test, once) in seen:
                yield item
            seen.add((test, once))
        elif parameters.get("transport") in TRANSPORTS:
            transport: str = parameters["transport"]
            if TRANSPORTS[crc32(item.nodeid.replace(transport, "").encode()) % 2] != transport:
                yield item
