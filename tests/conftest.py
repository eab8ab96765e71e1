from __future__ import annotations

import os

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: three for two processors, as every third test waits for a process or for the disk."""
    chosen = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(chosen) if chosen else (processors * 3 + 1) // 2


@pytest.fixture(scope="session")
def blank() -> bytes:
    """The bytes of an empty database."""
    # Here, and not above: the process that only hands out the tests needs none of the engine.
    from tests.support import direct

    return direct.blank()
