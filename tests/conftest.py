from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is. What has to be quick is held against its size or in steps.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts the tests in the background has them ignore Ctrl-C, and so would every process of a test.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: three for two processors, as every third test waits for a process or for the disk."""
    chosen = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(chosen) if chosen else (processors * 3 + 1) // 2


@pytest.fixture(scope="session")
def empty_database() -> bytes:
    """The bytes of an empty database."""
    # Here, and not above: the process that only hands out the tests needs none of the engine.
    from tests.support import stepwise_units

    return stepwise_units.empty_database()
