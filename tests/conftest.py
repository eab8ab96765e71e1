from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# The duration of an example depends on how busy the machine is, so hypothesis must not limit it. Tests of speed count
# steps instead.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell makes commands in the background ignore Ctrl-C, and the processes that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`: three for two processors, because many tests wait for processes."""
    configured = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(configured) if configured else (processors * 3 + 1) // 2


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Collect garbage less often, and never among the modules and tests, which stay until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


@pytest.fixture(scope="session")
def empty_database() -> bytes:
    """Return the bytes of an empty database."""
    # Imported here, because the process that only distributes the tests does not need the engine.
    from tests.support import stepwise_units

    return stepwise_units.empty_database()
